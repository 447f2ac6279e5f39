//! Steps: their order, what runs again and what does not, what is left where.

mod failure;
mod kept;
mod order;
mod random;

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use kurmadisk_os::chain::{ChainError, Event, Graph, Input, Outputs, Step, Summary};
use kurmadisk_os::digest::Detail;
use tempfile::TempDir;

/// A folder with inputs in `in` and outputs in `out`.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        Self { folder }
    }

    fn output(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn input(&self, name: &str) -> PathBuf {
        self.folder.path().join("in").join(name)
    }

    fn build(&self, steps: Vec<Step<'_>>, wanted: &[&str]) -> Result<Summary, ChainError> {
        let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        let jobs = NonZero::new(3).unwrap();
        Graph::new(steps)?.build(&wanted, &self.output(), jobs, 86_400, &|_| {})
    }

    /// All files in the output folder but for what is kept of the steps.
    fn files(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        gather(&self.output(), &self.output(), &mut found);
        found
    }
}

fn gather(root: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.file_name().unwrap() == ".kurmadisk" {
            continue;
        }
        if path.is_dir() {
            gather(root, &path, found);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            found.insert(name.to_owned(), fs::read_to_string(&path).unwrap());
        }
    }
}

/// A step that writes its text and what it needs made into `NAME.txt`.
fn step<'a>(name: &str, needs: &[&str], text: &str) -> Step<'a> {
    let (own, file) = (text.to_owned(), format!("{name}.txt"));
    Step {
        name: name.to_owned(),
        needs: needs.iter().map(|need| (*need).to_owned()).collect(),
        inputs: vec![Input::Text {
            key: "text".to_owned(),
            value: text.to_owned(),
        }],
        outputs: Outputs::Files(vec![file.clone()]),
        problem: None,
        run: Box::new(move |context| {
            let mut whole = own.clone();
            for made in context.needs.values() {
                for path in made.outputs.keys() {
                    whole += &fs::read_to_string(context.output.join(path))?;
                }
            }
            context.command(format!("write {file}"));
            fs::write(context.folder.join(&file), whole)?;
            Ok(())
        }),
    }
}

fn path_input(key: &str, path: PathBuf) -> Input {
    Input::Path {
        key: key.to_owned(),
        path,
        detail: Detail::Source,
    }
}

/// What happened, as words.
fn told(events: &Mutex<Vec<String>>) -> impl Fn(Event<'_>) + Sync + '_ {
    |event| {
        let word = match event {
            Event::Begins { step, why } => format!("begins {step}: {why}"),
            Event::Line { step, line } => format!("line {step}: {line}"),
            Event::Done { step, done, of } => format!("done {step} {done}/{of}"),
            Event::Kept { step, done, of } => format!("kept {step} {done}/{of}"),
            Event::Failed { step } => format!("failed {step}"),
        };
        events.lock().unwrap().push(word);
    }
}
