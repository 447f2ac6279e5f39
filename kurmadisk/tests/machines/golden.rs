//! Every description, whole: `INSTA_UPDATE=always` writes them anew.

use kurmadisk::package::Target;

use super::support::{BARE, FULL, package_with_fixed_identifiers, render};

pub fn golden(name: &str, text: &str, target: Target) {
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| {
        let package = package_with_fixed_identifiers(text, target);
        insta::assert_snapshot!(name, render(&package, 123_456_789));
    });
}

#[test]
fn vmware() {
    golden("vmware", FULL, Target::Vmware);
    golden("vmware-bare", BARE, Target::Vmware);
    let ide = BARE.to_owned() + "[machine]\ndisk-controller = \"ide\"\nserial = false\nnic = []\n";
    golden("vmware-ide", &ide, Target::Vmware);
}

#[test]
fn ova() {
    golden("ova", FULL, Target::Ova);
    golden("ova-bare", BARE, Target::Ova);
    let asked = format!("{BARE}[target.ova]\novf = \"2.0\"\nmanifest = \"sha1\"\n");
    golden("ova-2", &asked, Target::Ova);
}

#[test]
fn virtualbox() {
    let full = FULL.replace("pcnet32", "virtio");
    golden("virtualbox", &full, Target::Virtualbox);
    let asked = format!("{full}[target.virtualbox]\nwith = \"vbox\"\nwrap = \"folder\"\n");
    golden("virtualbox-vbox", &asked, Target::Virtualbox);
}

#[test]
fn vagrant() {
    golden("vagrant-virtualbox", FULL, Target::VagrantVirtualbox);
    let asked = format!(
        "{FULL}[target.vagrant-vmware]\nbox-name = \"kurma/os\"\nurl = \"https://example.org/boxes/\"\n"
    );
    golden("vagrant-vmware", &asked, Target::VagrantVmware);
}
