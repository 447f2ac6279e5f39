//! The floor: what no program can undercut that reads the tree's content and writes it to one file.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use super::Setting;
use super::job::Job;
use crate::Outcome;

const PIECE: usize = 1 << 20;

/// The job: this program's release build as a process of its own.
pub(super) fn job(name: &str, tree: &Path, setting: &Setting) -> Job {
    let output = setting.work.join(name.replace([' ', ':'], "-"));
    let (tree, program, file) = (
        tree.to_owned(),
        setting.programs.join("xtask"),
        output.clone(),
    );
    Job::process(name, [output], move || {
        let mut floor = Command::new(&program);
        floor.arg("floor").arg(&tree).arg(&file);
        Ok(floor)
    })
}

/// Reads every regular file below `tree`, each once whatever its number of names, through a buffer of
/// 1 MiB and writes them one after another to `out`.
pub(crate) fn run(tree: &Path, out: &Path) -> Outcome {
    let mut target = File::create(out)?;
    let mut buffer = vec![0; PIECE];
    let mut seen = HashSet::new();
    let mut folders = vec![tree.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                let mut file = File::open(entry.path())?;
                let data = file.metadata()?;
                if data.nlink() > 1 && !seen.insert((data.dev(), data.ino())) {
                    continue;
                }
                loop {
                    match file.read(&mut buffer)? {
                        0 => break,
                        length => target.write_all(&buffer[..length])?,
                    }
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_read_once() {
        let dir = tempfile::tempdir().unwrap();
        let (tree, out) = (dir.path().join("tree"), dir.path().join("out"));
        fs::create_dir_all(tree.join("folder")).unwrap();
        fs::write(tree.join("a"), vec![1; PIECE + 5]).unwrap();
        fs::write(tree.join("folder/b"), [2; 10]).unwrap();
        fs::hard_link(tree.join("a"), tree.join("folder/c")).unwrap();
        std::os::unix::fs::symlink("a", tree.join("s")).unwrap();
        run(&tree, &out).unwrap();
        let bytes = fs::read(&out).unwrap();
        assert_eq!(bytes.len(), PIECE + 15);
        let second = bytes.iter().position(|&byte| byte == 2).unwrap();
        assert!(bytes[second..second + 10].iter().all(|&byte| byte == 2));
    }
}
