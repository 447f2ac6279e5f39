//! Texts of capabilities, against libcap.

use std::fs;
use std::process::Stdio;

use kurmadisk::adjust::Capabilities;
use kurmadisk_fixtures::oracle;

use super::support::run;

const TEXTS: &[&str] = &[
    "cap_net_raw+ep",
    "cap_net_raw=ep",
    "cap_net_bind_service,cap_net_admin=ei cap_net_admin-e cap_net_bind_service-e",
    "all=p",
    "=ep",
    "=eip cap_sys_admin,cap_checkpoint_restore-eip",
    "CAP_CHOWN=p cap_bpf+i",
    "41=p",
    "13,40+ep",
    "cap_chown=+p",
    "cap_chown+pe-e",
    "cap_kill=p cap_chown=ep",
    "cap_kill=p cap_chown+i cap_kill,cap_chown+e",
    "cap_net_raw+",
    "cap_net_raw",
    "+ep",
    "cap_chown,=p",
    "cap_sit=p",
    "cap_chown=x",
    "=",
    "",
];

#[test]
fn texts_mean_what_setcap_makes_of_them() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("program");
    fs::write(&file, "program").expect("room");
    let setcap = oracle::tool("setcap").expect("a known tool");
    let mut accepted = 0;
    for text in TEXTS {
        let mut command = setcap.command().expect("installed");
        let status = command
            .arg(text)
            .arg(&file)
            .output()
            .expect("started")
            .status;
        let expected = status.success().then(|| {
            let found = oracle::getfattr(&file).expect("readable");
            found[""]["security.capability"].clone()
        });
        let found = text
            .parse::<Capabilities>()
            .ok()
            .map(|sets| sets.to_xattr());
        assert_eq!(found, expected, "{text}");
        accepted += usize::from(status.success());
    }
    assert_eq!(accepted, 14);
}

#[test]
fn getcap_reads_what_we_write_and_we_what_it_prints() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("program");
    fs::write(&file, "program").expect("room");
    let all = (1 << 41) - 1;
    let cases = [
        (1 << 13, 0, true, None),
        (all, 0, true, None),
        (all & !2, 1 << 40, false, None),
        (0x55_5555_5555, 0xaa_aaaa_aaaa, true, None),
        (1, 1, false, Some(1000)),
        (1 << 40 | 1, 0, true, Some(100_000)),
        (0, 3, true, None),
    ];
    for (permitted, inheritable, effective, rootid) in cases {
        let sets = Capabilities {
            permitted,
            inheritable,
            effective,
            rootid,
        };
        oracle::setfattr(&file, "security.capability", Some(&sets.to_xattr())).expect("settable");
        let printed = run(folder.path(), "getcap", &["-n", "program"], Stdio::null());
        let printed = String::from_utf8(printed).expect("text");
        let text = printed.trim().strip_prefix("program ").expect("the file");
        assert_eq!(text.parse(), Ok(sets), "{text}");
        assert_eq!(Capabilities::from_xattr(&sets.to_xattr()), Some(sets));
    }
}
