//! `[machine]` and `[target.NAME]`: what they mean, and what is refused where.

use kurmadisk::package::{Context, Firmware, MacBlock, Machine, Target};
use kurmadisk::spec::ImageSpec;

use super::support::{BARE, FULL, package, plan, refusal, spec, text_of};

/// Why a text is no description.
fn unreadable(text: &str) -> String {
    let error = ImageSpec::from_toml("test.toml", text.to_owned()).expect_err("it is refused");
    kurmadisk::formats::error::chain(&error)
}

fn machine(text: &str) -> Machine {
    let spec = spec(text);
    Machine::new(&spec, &plan(&spec, Target::Ova)).expect("it is a machine")
}

#[test]
fn a_machine_of_which_nothing_is_said_is_a_usual_one() {
    let machine = machine(BARE);
    assert_eq!(machine.name, "bare");
    assert_eq!((machine.cpus, machine.memory), (2, 1024));
    assert_eq!(machine.firmware, Firmware::Bios);
    assert_eq!(machine.nics.len(), 1);
    assert!(machine.serial);
    assert_eq!(machine.license, None);
    assert_eq!(spec(FULL).machine.cpus.map(|cpus| cpus.value), Some(4));
}

#[test]
fn firmware_is_that_of_the_disk() {
    assert_eq!(machine(FULL).firmware, Firmware::Efi);
    let bios = FULL.replace("cpus = 4", "firmware = \"bios\"");
    assert_eq!(machine(&bios).firmware, Firmware::Bios);
}

#[test]
fn identifiers_come_from_the_plan() {
    let (one, other) = (machine(BARE), machine(&BARE.replace("bare", "other")));
    assert_eq!(one, machine(BARE));
    assert_ne!(one.uuid, other.uuid);
    for block in [MacBlock::Vmware, MacBlock::Virtualbox, MacBlock::Qemu] {
        let [first, second] = [&one, &other].map(|machine| machine.nics[0].address(block));
        assert_ne!(first, second);
        assert_eq!(first.0[0] & 1, 0, "{first} is a single card's");
    }
    let [a, b, c, d, ..] = one.nics[0].address(MacBlock::Vmware).0;
    assert_eq!((a, b, c), (0x00, 0x50, 0x56));
    assert!(d <= 0x3F, "{d:#x} is above what may be set by hand");
    let fixed = &machine(FULL).nics[1];
    assert_eq!(
        fixed.address(MacBlock::Qemu).to_string(),
        "02:00:00:12:34:56"
    );
}

#[test]
fn packages_of_one_plan_have_images_of_their_own() {
    let spec = spec(BARE);
    let identity = |target| {
        let context = Context::new(&spec, &plan(&spec, target), target);
        context.expect("a context").disk_identity()
    };
    assert_ne!(identity(Target::Ova), identity(Target::Virtualbox));
    assert_eq!(identity(Target::Ova), identity(Target::Ova));
}

#[test]
fn values_that_cannot_be_are_refused_at_their_place() {
    let table = [
        (
            "cpus = 0",
            "test.toml:4:8: cpus: 0 processors; a machine has 1 to 768",
        ),
        (
            "memory = \"5 MiB\"",
            "test.toml:4:10: memory: 5 MiB of memory; hypervisors take multiples of 4 MiB",
        ),
        (
            "memory = \"7 TiB\"",
            "test.toml:4:10: memory: 7 TiB of memory; a machine has 6 TiB at most",
        ),
        (
            "vendor = \"a\\u0007b\"",
            "test.toml:4:10: vendor: \"a\\u{7}b\" has the control character '\\u{7}'",
        ),
        (
            "product = \"\"",
            "test.toml:4:11: product: an empty text says nothing; leave it out",
        ),
        (
            "name = \"a\\nb\"",
            "test.toml:4:8: name: \"a\\nb\" has the control character '\\n'",
        ),
    ];
    for (line, expected) in table {
        let text = format!("{BARE}[machine]\n{line}\n");
        assert_eq!(refusal(&text, Target::Ova), expected);
    }
}

#[test]
fn an_image_s_name_that_no_description_can_hold_is_refused_unless_the_machine_has_another() {
    let text = BARE.replace("bare", "a\\u0007b");
    let said = "test.toml:1:8: name: \"a\\u{7}b\" has the control character '\\u{7}'";
    assert_eq!(refusal(&text, Target::Ova), said);
    package(&format!("{text}[machine]\nname = \"ab\"\n"), Target::Ova);
}

#[test]
fn a_license_that_is_missing_is_named() {
    let text = format!("{BARE}[machine]\nlicense = \"/nonexistent/LICENSE\"\n");
    let said = refusal(&text, Target::Vmware);
    assert!(
        said.starts_with("test.toml:4:11: license: cannot read /nonexistent/LICENSE: "),
        "{said}"
    );
}

#[test]
fn keys_and_names_that_are_unknown_are_refused_at_their_place() {
    let table = [
        ("[machine]\ncpu = 2\n", "test.toml:2:1: unknown field `cpu`"),
        (
            "[machine]\nguest-os = \"plan9\"\n",
            "test.toml:2:12: \"plan9\" is no guest system; there are: linux-64, debian-11-64",
        ),
        (
            "[[machine.nic]]\nmac = \"01:00:00:00:00:01\"\n",
            "test.toml:2:7: \"01:00:00:00:00:01\" is the address of no single card",
        ),
        (
            "[[machine.nic]]\nmac = \"+0:00:00:00:00:01\"\n",
            "test.toml:2:7: \"+0:00:00:00:00:01\" is no address",
        ),
        (
            "[target.vmwrae]\n",
            "test.toml:1:9: \"vmwrae\" is no target; there are: vmware, ova",
        ),
        (
            "[target.ova]\nwith = \"vbox\"\n",
            "test.toml:2:8: with: the target ova has no such key; it is one of virtualbox",
        ),
        (
            "[target.ova]\nmanifest = \"md5\"\n",
            "test.toml:2:12: \"md5\" is no digest of a manifest; there are: sha256, sha1, none",
        ),
        (
            "[target.ova]\ntree = \"x\"\n",
            "test.toml:2:1: unknown field `tree`",
        ),
    ];
    for (text, expected) in table {
        let said = unreadable(text);
        assert!(said.starts_with(expected), "{said}\nand not\n{expected}");
    }
}

#[test]
fn what_a_platform_lacks_is_refused() {
    let vmxnet = format!("{BARE}[[machine.nic]]\nmodel = \"vmxnet3\"\n");
    assert_eq!(
        refusal(&vmxnet, Target::Virtualbox),
        "test.toml:4:9: model: the target virtualbox has no vmxnet3; it has: e1000, virtio, pcnet32"
    );
    assert!(text_of(&package(&vmxnet, Target::Vmware), ".vmx").contains("\"vmxnet3\""));
    let virtio = format!("{BARE}[machine]\ndisk-controller = \"virtio\"\n");
    for target in [Target::Vmware, Target::Ova, Target::Virtualbox] {
        let said = refusal(&virtio, target);
        assert!(said.contains("has no virtio; it has: sata, "), "{said}");
    }
    let vbox = format!("{BARE}[target.virtualbox]\nwith = \"vbox\"\nmanifest = \"sha1\"\n");
    assert_eq!(
        refusal(&vbox, Target::Virtualbox),
        "test.toml:5:12: manifest: a .vbox has no manifest; leave it out, or say with = \"ovf\""
    );
}

#[test]
fn machines_too_large_for_a_platform_are_refused() {
    let large = format!("{BARE}[machine]\ncpus = 65\nmemory = \"3 TiB\"\n");
    for target in [Target::Virtualbox, Target::VagrantVirtualbox] {
        assert_eq!(
            refusal(&large, target),
            format!("machine.cpus: 65 processors; a machine of the target {target} has 64 at most")
        );
        assert_eq!(
            refusal(&large.replace("65", "64"), target),
            format!(
                "machine.memory: 3145728 MiB; a machine of the target {target} has 2048 GiB at most"
            )
        );
    }
    for target in [Target::Vmware, Target::Ova, Target::VagrantVmware] {
        package(&large, target);
        let said = refusal(&large.replace("65", "129"), target);
        assert!(said.contains("has 128 at most"), "{said}");
    }
}

#[test]
fn vagrant_needs_a_network_it_reaches_and_a_version_it_can_compare() {
    let none = format!("{BARE}[machine]\nnic = []\n");
    let bridged = format!("{BARE}[[machine.nic]]\nnetwork = \"bridged\"\n");
    for text in [none, bridged] {
        for target in [Target::VagrantVirtualbox, Target::VagrantVmware] {
            let said = refusal(&text, target);
            assert!(
                said.contains("needs a first network card on a NAT"),
                "{said}"
            );
        }
    }
    for version in ["v1.0", "1..2", "1.0 beta", "1.0-", ""] {
        let text = format!("{BARE}[machine]\nversion = \"{version}\"\n");
        refusal(&text, Target::VagrantVirtualbox);
    }
    for version in ["1", "1.2.3", "2026.11.27", "1.0.rc1", "1.0-beta.2-x"] {
        let text = format!("{BARE}[machine]\nversion = \"{version}\"\n");
        package(&text, Target::VagrantVirtualbox);
    }
}

#[test]
fn layers_of_machines_and_targets_are_joined_key_by_key() {
    let below = spec("[machine]\ncpus = 1\nmemory = \"512 MiB\"\n[target.ova]\novf = \"2.0\"\n");
    let above = spec("[machine]\ncpus = 8\n[target.ova]\nmanifest = \"none\"\n[target.aws]\n");
    let joined = above.over(below);
    assert_eq!(joined.machine.cpus.clone().map(|cpus| cpus.value), Some(8));
    assert!(joined.machine.memory.is_some());
    let ova = joined.target(Target::Ova);
    assert!(ova.ovf.is_some() && ova.manifest.is_some());
}

#[test]
fn a_target_s_own_tree_and_command_line_are_in_place_of_the_image_s() {
    let text = format!(
        "{BARE}cmdline = \"quiet\"\n[target.vmware]\noem = \"/a\"\n[target.aws]\ncmdline = \"x\"\n"
    );
    let spec = spec(&text);
    let cmdline = |target| spec.for_target(target).cmdline.map(|text| text.value);
    assert_eq!(cmdline(Target::Aws).as_deref(), Some("x"));
    assert_eq!(cmdline(Target::Vmware).as_deref(), Some("quiet"));
    assert_eq!(spec.for_target(Target::Vmware).oem.0.len(), 1);
    assert_eq!(spec.for_target(Target::Azure).oem.0.len(), 0);
}
