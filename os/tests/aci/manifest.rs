//! The manifest's check, held against the specification's own program.

use std::fmt::Write;

use kurmadisk_fixtures::oracle::{Appc, actool_validate};
use kurmadisk_os::aci::manifest::{Node, Origin, VERSION, check};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What the check finds wrong with a manifest in an image.
fn faults(manifest: &Value) -> Vec<String> {
    let checked = check(&Node::of(manifest.clone(), None), Origin::Image);
    assert_eq!(checked.manifest.is_some(), checked.faults.is_empty());
    checked.faults.iter().map(ToString::to_string).collect()
}

/// What actool says of it.
fn actool_accepts(manifest: &Value) -> bool {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), manifest.to_string()).unwrap();
    actool_validate(Appc::Manifest, file.path()).is_ok()
}

/// A manifest with everything.
fn full() -> Value {
    let id = format!("sha512-{}", "0a".repeat(64));
    json!({
        "acKind": "ImageManifest",
        "acVersion": VERSION,
        "name": "example.com/~user/reduce-worker_v1",
        "labels": [
            {"name": "version", "value": "1.0.0"},
            {"name": "os", "value": "linux"},
            {"name": "arch", "value": "aarch64"},
        ],
        "app": {
            "exec": ["/usr/bin/reduce-worker", "--quiet"],
            "user": "100",
            "group": "/etc/passwd",
            "supplementaryGIDs": [400, 500],
            "eventHandlers": [
                {"name": "pre-start", "exec": ["/usr/bin/data-downloader"]},
                {"name": "post-stop", "exec": ["/usr/bin/deregister-worker", "--verbose"]},
            ],
            "workingDirectory": "/opt/work",
            "environment": [{"name": "REDUCE_WORKER_DEBUG", "value": "true"}],
            "mountPoints": [{"name": "work", "path": "/var/lib/work", "readOnly": true}],
            "ports": [
                {"name": "health", "port": 4000, "protocol": "tcp", "socketActivated": true},
                {"name": "ftp-data", "port": 20000, "count": 1000, "protocol": "tcp"},
            ],
            "isolators": [
                {"name": "resource/cpu", "value": {"request": "250m", "limit": "500m"}},
                {"name": "resource/memory", "value": {"request": "1G", "limit": "2Gi"}},
                {"name": "resource/block-bandwidth", "value": {"default": true, "limit": "2M"}},
                {"name": "os/linux/capabilities-retain-set", "value": {"set": ["CAP_NET_BIND_SERVICE"]}},
                {"name": "os/linux/seccomp-remove-set", "value": {"errno": "ENOTSUP", "set": ["reboot"]}},
                {"name": "os/linux/no-new-privileges", "value": true},
                {"name": "os/linux/oom-score-adj", "value": -1000},
                {"name": "os/linux/cpu-shares", "value": 2},
                {"name": "os/linux/selinux-context",
                 "value": {"user": "system_u", "role": "system_r", "type": "dhcpc_t", "level": "s0:c1"}},
                {"name": "os/unix/sysctl", "value": {"net.ipv4.tcp_mtu_probing": "1"}},
            ],
            "userAnnotations": {"any key": "value"},
            "userLabels": {"tier": "back"},
        },
        "dependencies": [
            {"imageName": "example.com/base", "imageID": id, "labels": [{"name": "os", "value": "linux"}], "size": 22},
            {"imageName": "example.com/certificates"},
        ],
        "pathWhitelist": ["/etc/ca/example.com/crt", "/etc/systemd/system/"],
        "annotations": [
            {"name": "authors", "value": "Carly Container <carly@example.com>"},
            {"name": "created", "value": "2014-10-27T19:32:27.67021798Z"},
            {"name": "documentation", "value": "https://example.com/docs"},
            {"name": "homepage", "value": "http://example.com"},
        ],
    })
}

/// One change of the whole manifest: a pointer (RFC 6901), the value that comes there, and the begin of what is found.
type Mutation = (&'static str, Value, &'static str);

/// Changes that the specification's own program refuses too.
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn refused_by_all() -> Vec<Mutation> {
    vec![
        (
            "/app/environment/0/name",
            json!("A=B"),
            "app.environment[0].name: ",
        ),
        ("/acKind", json!("PodManifest"), "acKind: "),
        ("/acVersion", json!("1.0"), "acVersion: "),
        ("/acVersion", json!(""), "acVersion: "),
        ("/name", json!("Example.com"), "name: "),
        ("/name", json!(""), "name: "),
        (
            "/name",
            json!(["a"]),
            "name: a text is needed, and this is a list",
        ),
        (
            "/labels/1/name",
            json!("version"),
            "labels[1].name: \"version\" is there already",
        ),
        ("/labels/0/name", json!("name"), "labels[0].name: "),
        ("/labels/0/name", json!("Version"), "labels[0].name: "),
        (
            "/labels/0/value",
            json!(1),
            "labels[0].value: a text is needed, and this is a number; write it in quotes",
        ),
        (
            "/labels/1/value",
            json!("plan9"),
            "labels: os is \"plan9\"; there are: linux, freebsd, darwin",
        ),
        (
            "/labels/2/value",
            json!("mips"),
            "labels: arch is \"mips\"; linux has: amd64, ",
        ),
        (
            "/labels",
            json!({"os": "linux"}),
            "labels: a list is needed",
        ),
        ("/app/exec", json!("/bin/sh"), "app.exec: a list is needed"),
        ("/app/user", json!(""), "app.user: "),
        ("/app/user", json!(0), "app.user: a text is needed"),
        ("/app/group", json!(""), "app.group: "),
        (
            "/app/supplementaryGIDs/0",
            json!("400"),
            "app.supplementaryGIDs[0]: a number is needed",
        ),
        (
            "/app/supplementaryGIDs/0",
            json!(1.5),
            "app.supplementaryGIDs[0]: 1.5 is not a whole number",
        ),
        (
            "/app/eventHandlers/0/name",
            json!("on-fire"),
            "app.eventHandlers[0].name: ",
        ),
        (
            "/app/eventHandlers/1/name",
            json!("pre-start"),
            "app.eventHandlers[1]: pre-start has a handler already",
        ),
        (
            "/app/workingDirectory",
            json!("opt"),
            "app.workingDirectory: ",
        ),
        (
            "/app/environment/0/value",
            json!(true),
            "app.environment[0].value: ",
        ),
        (
            "/app/mountPoints/0/name",
            json!("Work"),
            "app.mountPoints[0].name: ",
        ),
        (
            "/app/mountPoints/0/readOnly",
            json!("yes"),
            "app.mountPoints[0].readOnly: true or false is needed",
        ),
        ("/app/ports/0/name", json!("a b"), "app.ports[0].name: "),
        (
            "/app/ports/0/port",
            json!(0),
            "app.ports[0].port: 0 is not a whole number from 1 to 65535",
        ),
        ("/app/ports/0/port", json!(65536), "app.ports[0].port: "),
        (
            "/app/ports/1/count",
            json!(45_537),
            "app.ports[1]: 45537 ports from 20000 on end behind 65535",
        ),
        (
            "/app/ports/0/socketActivated",
            json!(1),
            "app.ports[0].socketActivated: ",
        ),
        (
            "/app/isolators/0/value/limit",
            json!("1x"),
            "app.isolators[0].value.limit: ",
        ),
        (
            "/app/isolators/0/value/default",
            json!(true),
            "app.isolators[0].value: default must not be true",
        ),
        (
            "/app/isolators/2/value/default",
            json!(false),
            "app.isolators[2].value: default must be true",
        ),
        (
            "/app/isolators/2/value/request",
            json!("1M"),
            "app.isolators[2].value.request: ",
        ),
        (
            "/app/isolators/3/value/set",
            json!([]),
            "app.isolators[3].value.set: the set is empty",
        ),
        (
            "/app/isolators/4/value/errno",
            json!("enotsup"),
            "app.isolators[4].value.errno: ",
        ),
        (
            "/app/isolators/5/value",
            json!("yes"),
            "app.isolators[5].value: ",
        ),
        (
            "/app/isolators/6/value",
            json!(1001),
            "app.isolators[6].value: 1001 is not a whole number from -1000 to 1000",
        ),
        (
            "/app/isolators/7/value",
            json!(1),
            "app.isolators[7].value: ",
        ),
        (
            "/app/isolators/7/name",
            json!("os/linux/oom-score-adj"),
            "app.isolators[7].name: ",
        ),
        (
            "/app/isolators/8/value/role",
            json!("a:b"),
            "app.isolators[8].value.role: ",
        ),
        (
            "/app/isolators/8/value/level",
            json!(""),
            "app.isolators[8].value.level: ",
        ),
        (
            "/app/isolators/9/value",
            json!({"a": 1}),
            "app.isolators[9].value.a: a text is needed",
        ),
        (
            "/app/isolators/0/name",
            json!("CPU"),
            "app.isolators[0].name: ",
        ),
        (
            "/app/userLabels",
            json!({"a": 1}),
            "app.userLabels.a: a text is needed",
        ),
        (
            "/dependencies/0/imageName",
            json!("A"),
            "dependencies[0].imageName: ",
        ),
        (
            "/dependencies/0/imageID",
            json!("sha256-00"),
            "dependencies[0].imageID: ",
        ),
        ("/dependencies/0/size", json!(-1), "dependencies[0].size: "),
        (
            "/pathWhitelist",
            json!("/etc"),
            "pathWhitelist: a list is needed",
        ),
        (
            "/annotations/3/name",
            json!("documentation"),
            "annotations[3].name: ",
        ),
        (
            "/annotations/1/value",
            json!("2014-10-27"),
            "annotations: created is \"2014-10-27\", no date",
        ),
        (
            "/annotations/2/value",
            json!("ftp://example.com"),
            "annotations: documentation is ",
        ),
        (
            "/annotations/3/value",
            json!("example.com"),
            "annotations: homepage is ",
        ),
    ]
}

/// Changes that its text forbids, and its program lets pass.
fn refused_here() -> Vec<Mutation> {
    vec![
        ("/app/exec/0", json!("reduce-worker"), "app.exec[0]: "),
        (
            "/app/eventHandlers/0/exec/0",
            json!("a"),
            "app.eventHandlers[0].exec[0]: ",
        ),
        ("/acVersion", json!("1.0.0"), "acVersion: "),
        ("/app/exec", json!([]), "app.exec: it is empty"),
        ("/app/exec/0", json!("/usr/../bin/sh"), "app.exec[0]: "),
        (
            "/app/supplementaryGIDs/0",
            json!(-1),
            "app.supplementaryGIDs[0]: ",
        ),
        (
            "/app/mountPoints/0/path",
            json!("var"),
            "app.mountPoints[0].path: ",
        ),
        (
            "/app/ports/0/protocol",
            json!(""),
            "app.ports[0].protocol: ",
        ),
        (
            "/app/isolators/4/name",
            json!("os/linux/capabilities-remove-set"),
            "app.isolators[4].name: ",
        ),
        (
            "/dependencies/0/imageID",
            json!("sha512-00"),
            "dependencies[0].imageID: ",
        ),
        ("/pathWhitelist/0", json!("etc"), "pathWhitelist[0]: "),
        ("/pathWhitelist/0", json!("/etc/../x"), "pathWhitelist[0]: "),
    ]
}

fn mutated(pointer: &str, value: Value) -> Value {
    let mut manifest = full();
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    match manifest.pointer_mut(parent).expect("it is there") {
        Value::Object(map) => {
            map.insert(key.to_owned(), value);
        }
        other => *other.pointer_mut(&format!("/{key}")).expect("it is there") = value,
    }
    manifest
}

#[test]
fn the_specifications_whole_example_is_good() {
    let manifest = full();
    assert_eq!(faults(&manifest), Vec::<String>::new());
    assert!(actool_accepts(&manifest));
    // Nothing of it is lost on its way through.
    let read = check(&Node::of(manifest.clone(), None), Origin::Image);
    let written: Value = serde_json::from_slice(&read.manifest.unwrap().to_json()).unwrap();
    let mut expected = manifest;
    expected["app"]["ports"][0]["count"] = json!(1);
    expected["app"]["ports"][1]["socketActivated"] = json!(false);
    assert_eq!(written, expected);
    assert!(actool_accepts(&written));
}

#[test]
fn every_single_mistake_is_found() {
    let mut wrong = Vec::new();
    for (all, mutations) in [(true, refused_by_all()), (false, refused_here())] {
        for (pointer, value, expected) in mutations {
            let shown = format!("{pointer} = {value}");
            let manifest = mutated(pointer, value);
            match &faults(&manifest)[..] {
                [fault] if fault.starts_with(expected) => {}
                faults => wrong.push(format!("{shown}: {faults:?}")),
            }
            if actool_accepts(&manifest) == all {
                wrong.push(format!("{shown}: actool accepts it: {all}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_required_is_missed() {
    let required = [
        ("", "acKind"),
        ("", "acVersion"),
        ("", "name"),
        ("/app", "exec"),
        ("/app", "user"),
        ("/app", "group"),
        ("/labels/0", "name"),
        ("/app/eventHandlers/0", "name"),
        ("/app/mountPoints/0", "path"),
        ("/app/ports/0", "port"),
        ("/app/isolators/3/value", "set"),
        ("/app/isolators/8/value", "type"),
        ("/dependencies/0", "imageName"),
    ];
    for (table, key) in required {
        let mut manifest = full();
        let map = manifest.pointer_mut(table).and_then(Value::as_object_mut);
        map.expect("a table").remove(key);
        let faults = faults(&manifest);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(
            faults[0].ends_with(&format!("{key} is missing; give it")),
            "{faults:?}"
        );
    }
}

#[test]
fn a_description_may_leave_out_what_is_known_and_has_no_other_keys() {
    let described = |text: &str| {
        let node = Node::from_yaml("a.yaml", text).unwrap_or_else(|fault| panic!("{fault}"));
        check(&node, Origin::Description)
    };
    let manifest = described("name: example.com/a\n").manifest.unwrap();
    assert_eq!(
        (&*manifest.ac_kind, &*manifest.ac_version),
        ("ImageManifest", VERSION)
    );
    let text =
        "name: example.com/a\napp:\n  exec: [/a]\n  user: 0\n  group: \"0\"\n  colour: red\n";
    let faults = described(text).faults;
    let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        faults[0],
        "a.yaml:4:9: app.user: a text is needed, and this is a number; write it in quotes"
    );
    assert!(
        faults[1].starts_with("a.yaml:6:11: app.colour: there is no such key; there are: exec, ")
    );
    assert_eq!(faults.len(), 2);
    // In an image, unknown keys are somebody's own.
    let mut foreign = full();
    foreign["colour"] = json!("red");
    let checked = check(&Node::of(foreign, None), Origin::Image);
    assert!(checked.manifest.is_some());
    assert_eq!(checked.notes.len(), 1);
}

#[test]
fn yaml_is_what_json_is() {
    let text = r#"
# A comment.
base: &base {name: os, value: linux}
list: [*base, "a: b", 'it''s', plain text]
numbers: [1, -2, 0x1F, 0o17, 1.5, "1"]
words: [true, "true", ~, null, no, 1.2.3, ./x]
text: |
  two
  lines
folded: >-
  one
  line
"#;
    let node = Node::from_yaml("x", text).unwrap_or_else(|fault| panic!("{fault}"));
    let base = json!({"name": "os", "value": "linux"});
    assert_eq!(
        node.to_json(),
        json!({
            "base": base,
            "list": [base, "a: b", "it's", "plain text"],
            "numbers": [1, -2, 31, 15, 1.5, "1"],
            "words": [true, "true", null, null, "no", "1.2.3", "./x"],
            "text": "two\nlines\n",
            "folded": "one line",
        })
    );
    let json = full();
    let as_yaml = Node::from_yaml("x", &json.to_string()).unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(as_yaml.to_json(), json);
}

#[test]
fn bad_yaml_and_json_say_where() {
    for (text, expected) in [
        ("", "x.yaml:1:1: there is no manifest in it"),
        (
            "a: 1\na: 2\n",
            "x.yaml:2:1: the key \"a\" is there already; leave one out",
        ),
        ("a: [1\n", "x.yaml:2:1: it is no YAML: "),
        ("a: 1\n---\nb: 2\n", "x.yaml:3:1: a second document follows"),
        (
            "a: !!str 1\n",
            "x.yaml:1:4: tags (!…) mean nothing in a manifest",
        ),
        ("? [a]\n: b\n", "x.yaml:1:3: a key is a text"),
        ("a: *b\n", "x.yaml:1:4: "),
        ("a: &b [*b]\n", "x.yaml:1:8: "),
    ] {
        let fault = Node::from_yaml("x.yaml", text).unwrap_err().to_string();
        assert!(fault.starts_with(expected), "{text:?}: {fault}");
    }
    let deep = format!("{}{}", "[".repeat(70), "]".repeat(70));
    let fault = Node::from_yaml("x", &deep).unwrap_err().to_string();
    assert!(fault.contains("more than 64 deep"), "{fault}");
    // Each line ten times the one before.
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for line in 1..9 {
        let last = line - 1;
        let aliases = vec![format!("*a{last}"); 10].join(", ");
        writeln!(laughs, "a{line}: &a{line} [{aliases}]").unwrap();
    }
    let fault = Node::from_yaml("x", &laughs).unwrap_err().to_string();
    assert!(fault.contains("more than 100000 values"), "{fault}");
    let fault = Node::from_json("x.json", b"{\n  \"a\": ,\n}").unwrap_err();
    assert!(
        fault.to_string().starts_with("x.json:2:8: it is no JSON: "),
        "{fault}"
    );
}

fn identifier() -> impl Strategy<Value = String> {
    "[a-z0-9]{1,6}([-._~/]{1,2}[a-z0-9]{1,4}){0,3}"
}

fn pairs() -> impl Strategy<Value = Value> {
    prop::collection::btree_map(identifier(), "[ -~]{0,20}", 0..4).prop_map(|pairs| {
        let pairs = pairs.into_iter().filter(|(name, _)| {
            !["name", "os", "arch", "created", "homepage", "documentation"].contains(&&**name)
        });
        pairs
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect()
    })
}

fn app() -> impl Strategy<Value = Value> {
    let exec = prop::collection::vec("[ -~]{0,10}", 0..3);
    let port = (1..60_000_u16, 0..500_u16, "[a-z]{2,5}", any::<bool>());
    let quantity = "[0-9]{1,4}(m|k|M|G|Ki|Mi|Gi|e2)?";
    (
        exec,
        "[a-z0-9/]{1,8}",
        prop::collection::vec(port, 0..3),
        quantity,
        any::<bool>(),
    )
        .prop_map(|(rest, user, ports, limit, flag)| {
            let exec: Vec<_> = std::iter::once("/bin/app".to_owned()).chain(rest).collect();
            let ports = ports.into_iter().enumerate();
            let ports: Vec<_> = ports
                .map(|(index, (port, count, protocol, activated))| {
                    json!({"name": format!("p{index}"), "port": port, "count": count,
                           "protocol": protocol, "socketActivated": activated})
                })
                .collect();
            json!({
                "exec": exec, "user": user, "group": user, "ports": ports,
                "isolators": [
                    {"name": "resource/memory", "value": {"limit": limit}},
                    {"name": "os/linux/no-new-privileges", "value": flag},
                ],
            })
        })
}

fn random_manifest() -> impl Strategy<Value = Value> {
    (identifier(), pairs(), pairs(), app()).prop_map(|(name, labels, annotations, app)| {
        json!({
            "acKind": "ImageManifest", "acVersion": "0.8.9", "name": name,
            "labels": labels, "annotations": annotations, "app": app,
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn random_good_manifests_are_good_to_both(manifest in random_manifest()) {
        prop_assert_eq!(faults(&manifest), Vec::<String>::new());
        prop_assert!(actool_accepts(&manifest));
        let yaml = Node::from_yaml("x", &manifest.to_string());
        prop_assert_eq!(yaml.map(|node| node.to_json()), Ok(manifest));
    }
}

proptest! {
    #[test]
    fn any_text_is_a_manifest_or_an_error(text in any::<String>(), ascii in "[-a-z:{}\\[\\]&*!|>'\"#%@,? \n\t0-9]{0,80}") {
        for text in [text, ascii] {
            let read = [
                (Node::from_yaml("x", &text), Origin::Description),
                (Node::from_json("x", text.as_bytes()), Origin::Image),
            ];
            for (node, origin) in read {
                let Ok(node) = node else { continue };
                let checked = check(&node, origin);
                prop_assert_eq!(checked.manifest.is_some(), checked.faults.is_empty());
            }
        }
    }
}
