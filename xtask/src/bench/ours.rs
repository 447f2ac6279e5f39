//! kurmadisk's own command lines.

use std::path::{Path, PathBuf};
use std::process::Command;

use kurmadisk_fixtures::debian::DebianRoot;
use kurmadisk_fixtures::oracle::EFI_STUB;

use super::Setting;

/// What the images are called, and their files where only a folder is named.
pub(super) const NAME: &str = "bench";

const COMMAND_LINE: &str = "root=LABEL=ROOT rw console=ttyS0";

/// A description with one partition, an ext4 of the tree: what programs that make ext4 can be set against.
const EXT4_ALONE: &str = "[[partition]]\nnumber = 1\nlabel = \"ROOT\"\ntype = \"linux\"\nfirst = \"1 MiB\"\n\
                          size = \"auto\"\ncontent = \"root\"\nfilesystem.type = \"ext4\"\n";

/// kurmadisk's release build, and what it is told.
#[derive(Clone)]
pub(super) struct Kurmadisk {
    program: PathBuf,
    /// [`EXT4_ALONE`] as a file.
    description: PathBuf,
}

impl Kurmadisk {
    pub(super) fn new(setting: &Setting) -> crate::Outcome<Self> {
        let description = setting.work.join("ext4-alone.toml");
        std::fs::write(&description, EXT4_ALONE)?;
        let program = setting.programs.join("kurmadisk");
        Ok(Self {
            program,
            description,
        })
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args([name, "--quiet"]);
        command
    }

    /// Trees and boot files in, images of these formats out.
    pub(super) fn build(&self, root: &DebianRoot, formats: &str, output: &Path) -> Command {
        let mut command = self.command("build");
        whole_system(&mut command, root);
        command.args(["--format", formats]).arg("-o").arg(output);
        command
    }

    /// The plan of the same.
    pub(super) fn plan(&self, root: &DebianRoot) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("plan");
        whole_system(&mut command, root);
        command
    }

    /// The KurmaOS disk with kernel and initrd alone.
    pub(super) fn kurmaos(&self, root: &DebianRoot, output: &Path) -> Command {
        let mut command = self.command("build");
        command.args(["--layout", "kurmaos", "--name", NAME]);
        kernel_and_initrd(&mut command, root);
        command.args(["--format", "vdi"]).arg("-o").arg(output);
        command
    }

    /// A disk with an ext4 of a folder and nothing else.
    pub(super) fn ext4_alone(&self, tree: &Path, output: &Path) -> Command {
        let mut command = self.command("build");
        command
            .args(["--format", "raw", "--config"])
            .arg(&self.description);
        command.arg("--root").arg(tree).arg("-o").arg(output);
        command
    }

    /// The plan of the same.
    pub(super) fn plan_ext4_alone(&self, tree: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["plan", "--config"]).arg(&self.description);
        command.arg("--root").arg(tree);
        command
    }

    /// The disk in an image, in another format.
    pub(super) fn convert(&self, input: &Path, format: &str, output: &Path) -> Command {
        let mut command = self.command("convert");
        command.args(["--format", format]).arg(input).arg(output);
        command
    }
}

fn whole_system(command: &mut Command, root: &DebianRoot) {
    command.args(["--layout", "efi", "--name", NAME, "--cmdline", COMMAND_LINE]);
    kernel_and_initrd(command, root);
    command.arg("--root").arg(&root.tree);
    command.arg("--efi-stub").arg(EFI_STUB.path);
}

fn kernel_and_initrd(command: &mut Command, root: &DebianRoot) {
    command.arg("--kernel").arg(&root.kernel);
    command.arg("--initrd").arg(&root.initrd);
}
