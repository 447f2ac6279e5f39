//! The tasks of this checkout: `cargo xtask test`, `lint`, `inputs`, `bench`, `compare`, `soak`,
//! `boot-matrix`, `kernel-proof`.
//!
//! People and CI run the same ones. They build with cargo and run the `kurmadisk` command as a process, so
//! they link nothing of what they test.

mod bench;
mod cargo;
mod compare;
mod lint;
mod requirements;
mod soak;
mod test;

use std::error::Error;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a task comes to; the error is for a person to read.
type Outcome<T = ()> = Result<T, Box<dyn Error>>;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The tasks of this checkout")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what the tests need, then run them all
    Test {
        /// Further arguments for `cargo test`
        #[arg(last = true)]
        arguments: Vec<OsString>,
    },
    /// Check formatting, clippy, every feature alone and the documentation
    Lint,
    /// Make what tests and benchmark read, ahead of them: the Debian root
    Inputs {
        /// Also what these workloads of the benchmark read, with commas between them; M takes 10 GB of disk, B 6 GB
        #[arg(long, value_delimiter = ',', value_name = "LETTER[,…]")]
        workload: Vec<bench::Workload>,
    },
    /// Time whole builds beside today's tools, tar and the floor
    Bench(bench::Arguments),
    /// Compare what programs that make ext4 keep of a tree of nasty cases; as root
    Compare {
        /// Write the report to docs/comparison.md
        #[arg(long)]
        write: bool,
        /// A second mke2fs to compare, such as a newer version
        #[arg(long, value_name = "PROGRAM")]
        mke2fs: Option<PathBuf>,
    },
    /// Make directories of a million names, look every one up through the kernel, and time it; then all of
    /// /usr/share, there and back; as root
    Soak {
        /// Names in each directory
        #[arg(long, default_value_t = 1_000_000)]
        names: usize,
    },
    /// Boot by every loader from every container, from every kind of disk, in every memory, with a large initrd, and
    /// with the power cut a hundred times while it boots and a hundred times in the story of an update: 40 minutes
    BootMatrix,
    /// Compile a kernel of Debian's source by base/kernel/build.sh, and boot it: half an hour, 3 GB of disk
    KernelProof,
    /// The benchmark's floor: read every regular file of TREE, write them all to OUT
    #[command(hide = true)]
    Floor {
        /// The tree to read
        tree: PathBuf,
        /// The file to write
        out: PathBuf,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Test { arguments } => test::run(&arguments),
        Task::Lint => lint::run(),
        Task::Inputs { workload } => inputs(&workload),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Compare { write, mke2fs } => compare::run(write, mke2fs),
        Task::Soak { names } => soak::run(names),
        Task::BootMatrix => boot_matrix(),
        Task::KernelProof => kernel_proof(),
        Task::Floor { tree, out } => bench::floor::run(&tree, &out),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn boot_matrix() -> Outcome {
    const TESTS: [(&str, &str); 3] = [
        ("kurmadisk-cli", "boot"),
        ("kurmadisk-cli", "slots"),
        ("kurmadisk", "kurmaboot"),
    ];
    requirements::ensure()?;
    kurmadisk_fixtures::debian::prepare_debian_root()?;
    for (package, test) in TESTS {
        let mut tests = cargo::cargo();
        tests.args(["test", "-p", package, "--test", test]);
        // One machine at a time: they measure moments. What they print is the report.
        tests.args(["--", "--ignored", "--test-threads", "1", "--nocapture"]);
        cargo::run("the boot matrix", &mut tests)?;
    }
    Ok(())
}

fn kernel_proof() -> Outcome {
    requirements::ensure()?;
    requirements::ensure_for_kernel()?;
    let mut tests = cargo::cargo();
    tests.args(["test", "-p", "kurmadisk-cli", "--test", "base"]);
    tests.args(["--", "--ignored", "--nocapture"]);
    cargo::run("the kernel's proof", &mut tests)
}

fn inputs(workloads: &[bench::Workload]) -> Outcome {
    requirements::ensure()?;
    let root = kurmadisk_fixtures::debian::prepare_debian_root()?;
    bench::prepare(workloads, &root)?;
    println!("{}", root.tree.display());
    Ok(())
}
