//! Which disks there are for which targets.

use kurmadisk::package::{PlannedDisk, Target};

use super::support::{BARE, spec};

/// Of each disk, whether it is for plain images, its length in MiB, and its targets.
fn disks(text: &str, plain: bool, targets: &[Target]) -> Vec<(bool, u64, Vec<Target>)> {
    let disks = PlannedDisk::all(&spec(text), plain, targets).expect("they can be planned");
    let told = disks.into_iter().map(|disk| {
        let len = disk.plan.layout().len_bytes();
        assert!(len.is_multiple_of(1 << 20));
        (disk.is_plain, len >> 20, disk.targets)
    });
    told.collect()
}

#[test]
fn one_disk_serves_all_that_need_no_other() {
    use Target::{Aws, Azure, Gce, Libvirt, Ova};
    let text = format!("size = \"100 MiB\"\n{BARE}");
    let shared = disks(&text, true, &[Ova, Azure, Ova]);
    assert_eq!(shared, [(true, 100, vec![Ova, Azure])]);
    assert_eq!(
        disks(&text, false, &[Ova, Aws]),
        [(false, 100, vec![Ova, Aws])]
    );
    assert_eq!(disks(&text, true, &[]), [(true, 100, vec![])]);
    // Google's is a longer one.
    let expected = [(true, 100, vec![Ova, Libvirt]), (false, 1024, vec![Gce])];
    assert_eq!(disks(&text, true, &[Ova, Gce, Libvirt]), expected);
    let whole = text.replace("100 MiB", "2 GiB");
    assert_eq!(
        disks(&whole, true, &[Ova, Gce]),
        [(true, 2048, vec![Ova, Gce])]
    );
}

#[test]
fn what_is_special_to_a_target_makes_a_disk_of_its_own() {
    use Target::{Aws, Gce, Openstack, Ova, Vmware};
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let [a, b] = folders.each_ref().map(|folder| folder.path().display());
    let text = format!(
        "name = \"x\"\nlayout = \"kurmaos\"\n[target.aws]\noem = \"{a}\"\n[target.gce]\noem = \"{a}\"\n\
         [target.openstack]\noem = \"{b}\"\n"
    );
    let found = disks(&text, true, &[Aws, Ova, Gce, Openstack, Vmware]);
    let targets: Vec<_> = found.iter().map(|(_, _, targets)| &targets[..]).collect();
    assert_eq!(targets, [&[Ova, Vmware][..], &[Aws], &[Gce], &[Openstack]]);
    let plain: Vec<_> = found.iter().map(|(plain, ..)| *plain).collect();
    assert_eq!(plain, [true, false, false, false]);
}

/// The layouts of KurmaOS end at multiples of 126 MiB, which are whole GiB every 63 GiB only.
#[test]
fn googles_disks_are_no_longer_than_they_must_be() {
    for layout in ["kurmaos", "kurmaos-vm", "efi", "bios"] {
        let text = format!("name = \"x\"\nlayout = \"{layout}\"\n");
        let found = disks(&text, true, &[Target::Gce]);
        let own = found[0].1;
        assert_eq!(
            found.last().unwrap().1,
            own.next_multiple_of(1024),
            "{layout}"
        );
        assert_eq!(found.last().unwrap().2, [Target::Gce]);
    }
}
