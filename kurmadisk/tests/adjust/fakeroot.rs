//! What fakeroot saved, against what it shows to a program that runs in it.

use std::fs;
use std::process::Stdio;

use kurmadisk::adjust::{Fakeroot, Unknown};
use kurmadisk::formats::error::chain;
use kurmadisk::host_file;
use kurmadisk::source::tar::{TarMode, apply};
use kurmadisk::tree::{self, Folder, Metadata, Tree};

use super::support::{assert_same, run};

const BUILD: &str = "
set -e
mkdir -p dev etc 'odd name'
mknod dev/console c 5 1
mknod dev/large b 300 70000
mknod dev/largest c 4095 1048575
mkfifo dev/initctl
cp -a dev/initctl dev/copied
echo secret > etc/shadow
chown 0:42 etc/shadow
chmod 0640 etc/shadow
echo su > su
chown 12345:4294967294 su
chmod 6755 su
ln su 'odd name/su'
ln -s su link
chown -h 7:8 link
chown 9:10 'odd name'
chmod 1777 'odd name'
echo gone > gone
chown 5:5 gone
rm gone
";

#[test]
fn a_tree_is_what_programs_see_in_fakeroot() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let folder = place.path().join("tree");
    fs::create_dir(&folder).expect("new");
    fs::write(folder.join("older"), "of the user").expect("room");
    std::os::unix::fs::lchown(folder.join("older"), Some(1000), Some(1000)).expect("root");
    let fakeroot = |options: &[&str], command: &[&str]| {
        let arguments = [options, &["--"], command].concat();
        run(&folder, "fakeroot", &arguments, Stdio::null())
    };
    fakeroot(&["-s", "../saved"], &["sh", "-c", BUILD]);
    let saved = fs::read(place.path().join("saved")).expect("saved");
    let saved = Fakeroot::parse(&saved).unwrap_or_else(|error| panic!("{}", chain(&error)));
    let archive = ["--numeric-owner", "--format=pax", "-cf", "../archive", "."];
    for (unknown, option) in [(Unknown::Root, &[][..]), (Unknown::Real, &["-u"])] {
        let options = [&["-i", "../saved"], option].concat();
        fakeroot(&options, &[&["tar"], &archive[..]].concat());
        let mut expected = Tree::new(Metadata::default());
        let packed = host_file(&place.path().join("archive")).expect("there");
        apply(&packed, &mut expected, TarMode::Whole).expect("readable");

        let Folder { mut tree, inodes } = tree::folder(&folder, &|_, _| false).expect("readable");
        let applied = saved.apply(&mut tree, &inodes, unknown);
        applied.unwrap_or_else(|error| panic!("{}", chain(&error)));
        assert_same(&tree, &expected);
        assert_eq!(tree.paths().len(), 13);
    }
}
