//! A component with every choice made.

use std::path::{Path, PathBuf};

use super::PLATFORM;
use super::build::Workshop;
use super::error::ComponentError;
use super::source;
use super::spec::{ComponentSpec, Where, file_name};
use super::toolchain::Order;
use crate::digest::{Detail, Digest, Inputs};
use crate::file::is_name;
use crate::run::Runner;

/// The time of what has none, in seconds since 1970.
const NO_TIME: i64 = 1;

/// What would be built: the files, the command, the version, and the digest of all that.
#[derive(Clone, Debug)]
pub struct ComponentPlan {
    /// The description.
    pub spec: ComponentSpec,
    /// Its version.
    pub version: String,
    /// The time of its files: that of the last commit, in seconds since 1970.
    pub time: i64,
    /// The command, word by word; none for what is prebuilt.
    pub command: Vec<String>,
    /// The variables that the build sets.
    pub env: Vec<(String, String)>,
    /// The files of the source, relative to it.
    pub files: Vec<PathBuf>,
    /// The digest of what decides the outcome, but for the compilers themselves.
    pub digest: Digest,
    pub(super) out: PathBuf,
}

impl ComponentSpec {
    /// The files and folders that are read.
    #[must_use]
    pub fn inputs(&self) -> Vec<PathBuf> {
        let used = self.prebuilt.as_ref().or(self.source.as_ref());
        used.map(|path| path.value.clone()).into_iter().collect()
    }

    /// What is built into the folder `out`. Git is asked for files and version; nothing is built.
    pub fn plan(
        &self,
        out: &Path,
        workshop: &Workshop,
        runner: &mut Runner,
    ) -> Result<ComponentPlan, ComponentError> {
        self.check()?;
        let name = &self.name.value;
        if let Some(source) = &self.source
            && !source.value.is_dir()
        {
            let reason = format!("{} is no folder", source.value.display());
            return Err(self.fault("source", &source.place, &reason));
        }
        let version = self.version(runner)?;
        let time = self.source.as_ref();
        let time = time.and_then(|source| source::time(&source.value, runner));
        let mut plan = ComponentPlan {
            spec: self.clone(),
            version,
            time: time.unwrap_or(NO_TIME),
            command: Vec::new(),
            env: Vec::new(),
            files: Vec::new(),
            digest: Digest([0; 32]),
            out: out.to_path_buf(),
        };
        if let (None, Some(source)) = (&self.prebuilt, &self.source) {
            let path = &source.value;
            let files = source::files(path, runner);
            plan.files = files.map_err(ComponentError::file(name, path))?;
            let order = self.order(&plan.version);
            plan.command = order.command;
            plan.env = plan.variables(order.env);
        }
        plan.digest = plan.inputs_digest(workshop)?;
        Ok(plan)
    }

    fn order(&self, version: &str) -> Order {
        match (self.toolchain, &self.command) {
            (Some(toolchain), _) => toolchain.order(self, version),
            (None, command) => Order {
                command: command.as_ref().map_or(Vec::new(), |c| c.value.clone()),
                env: Vec::new(),
            },
        }
    }

    /// The version that is given, or git's.
    fn version(&self, runner: &mut Runner) -> Result<String, ComponentError> {
        let name = &self.name.value;
        let (version, place) = match (&self.version, &self.source) {
            (Some(version), _) => (version.value.clone(), &version.place),
            (None, Some(source)) => {
                let folder = &source.value;
                let version = source::version(folder, runner);
                let version = version.map_err(|error| ComponentError::Version {
                    name: name.clone(),
                    source_folder: folder.clone(),
                    source: error,
                })?;
                (version, &source.place)
            }
            (None, None) => {
                let reason = "what is prebuilt, and has no source, has none by itself; give one";
                return Err(self.fault("version", &self.name.place, reason));
            }
        };
        // A tag such as `release/1.0` would be a folder.
        let version = version.replace('/', "-");
        if is_name(&version) {
            Ok(version)
        } else {
            let reason = format!("{version:?} can't be in the name of a file; give another one");
            Err(self.fault("version", place, &reason))
        }
    }
}

impl ComponentPlan {
    /// Where outputs go: the files by their names, then the tarball.
    #[must_use]
    pub fn outputs(&self) -> Vec<PathBuf> {
        let outputs = self.spec.outputs.value.iter();
        let outputs = outputs.map(|output| self.folder().join(file_name(output)));
        outputs.chain([self.tarball()]).collect()
    }

    /// The folder of the outputs.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.out.join(&self.spec.name.value)
    }

    /// The tarball: `NAME-VERSION-linux-amd64.tar.gz`.
    #[must_use]
    pub fn tarball(&self) -> PathBuf {
        let name = &self.spec.name.value;
        let file = format!("{name}-{}-{PLATFORM}.tar.gz", self.version);
        self.out.join(file)
    }

    /// The licence's file, relative to the source.
    pub(super) fn license(&self) -> &str {
        let given = self.spec.license.as_ref();
        given.map_or("LICENSE", |license| &license.value)
    }

    /// What the description, the toolchain and we ourselves set, later ones counting more.
    fn variables(&self, toolchain: Vec<(String, String)>) -> Vec<(String, String)> {
        let mut env = vec![
            ("VERSION".to_owned(), self.version.clone()),
            ("SOURCE_DATE_EPOCH".to_owned(), self.time.to_string()),
        ];
        env.extend(toolchain);
        for (name, value) in &self.spec.environment {
            env.retain(|(other, _)| other != name);
            env.push((name.clone(), value.clone()));
        }
        env
    }

    fn inputs_digest(&self, workshop: &Workshop) -> Result<Digest, ComponentError> {
        let spec = &self.spec;
        let mut inputs = Inputs::new("component", Detail::Source);
        inputs.text("name", &spec.name.value);
        inputs.text("version", &self.version);
        inputs.text("time", self.time.to_le_bytes());
        for output in &spec.outputs.value {
            inputs.text("output", output);
        }
        inputs.text("license", self.license());
        let failed = ComponentError::digest(&spec.name.value);
        if let Some(prebuilt) = &spec.prebuilt {
            inputs.path("prebuilt", &prebuilt.value).map_err(&failed)?;
            if let Some(source) = &spec.source {
                let license = source.value.join(self.license());
                if license.is_file() {
                    inputs.path("license", &license).map_err(&failed)?;
                }
            }
            return Ok(inputs.finish());
        }
        for word in &self.command {
            inputs.text("word", word);
        }
        for (name, value) in &self.env {
            inputs.text(name, value);
        }
        if let Some(path) = &spec.import_path {
            inputs.text("import-path", &path.value);
        }
        if spec.place == Where::Stage4 {
            inputs.text("stage4", workshop.image);
            inputs.text("stage4-id", workshop.image_id.unwrap_or_default());
        }
        if let Some(source) = &spec.source {
            let added = inputs.some_of("source", &source.value, &self.files);
            added.map_err(&failed)?;
        }
        Ok(inputs.finish())
    }
}
