//! What the specification asks of isolators: "App Container Executor", "Isolators".

use super::checker::{At, Checker};
use super::node::Value;
use super::{Isolator, types};

/// What the value of an isolator must be.
enum Rule {
    /// A request and a limit.
    Quantities,
    /// A limit for all devices or interfaces: `default` is true, and there is no request.
    LimitForAll,
    /// A set of names that is not empty.
    Set,
    /// Such a set, with the name of an error.
    SystemCalls,
    /// True or false.
    Switch,
    /// A whole number from the first to the second.
    Number(i64, i64),
    /// User, role, type and level.
    Context,
    /// Texts by keys.
    Texts,
}

/// The isolators of the specification; those that may stand in a list once are marked.
const KNOWN: [(&str, Rule, bool); 14] = [
    ("resource/block-bandwidth", Rule::LimitForAll, false),
    ("resource/block-iops", Rule::LimitForAll, false),
    ("resource/cpu", Rule::Quantities, false),
    ("resource/memory", Rule::Quantities, false),
    ("resource/network-bandwidth", Rule::LimitForAll, false),
    ("os/linux/capabilities-retain-set", Rule::Set, false),
    ("os/linux/capabilities-remove-set", Rule::Set, false),
    (RETAIN, Rule::SystemCalls, true),
    (REMOVE, Rule::SystemCalls, true),
    ("os/linux/no-new-privileges", Rule::Switch, false),
    ("os/linux/oom-score-adj", Rule::Number(-1000, 1000), true),
    ("os/linux/cpu-shares", Rule::Number(2, 262_144), true),
    ("os/linux/selinux-context", Rule::Context, true),
    ("os/unix/sysctl", Rule::Texts, true),
];

const RETAIN: &str = "os/linux/seccomp-retain-set";
const REMOVE: &str = "os/linux/seccomp-remove-set";

/// Isolators that contradict one another.
const CONTRARY: [[&str; 2]; 2] = [
    [RETAIN, REMOVE],
    [
        "os/linux/capabilities-retain-set",
        "os/linux/capabilities-remove-set",
    ],
];

pub(super) fn check(at: &At<'_>, checker: &mut Checker) -> Vec<Isolator> {
    let mut isolators: Vec<Isolator> = Vec::new();
    for item in checker.list(at) {
        let Some(mut fields) = checker.fields(&item) else {
            continue;
        };
        let name = fields.required("name", checker);
        let value = fields.required("value", checker);
        fields.done(checker);
        let text = name.as_ref().and_then(|at| checker.identifier(at));
        let (Some(at), Some(text), Some(value)) = (&name, text, value) else {
            continue;
        };
        match KNOWN.iter().find(|(known, ..)| *known == text) {
            None => checker.note(at, format!("{text:?} is no isolator of the specification; programs that don't know it may refuse the image")),
            Some((_, rule, once)) => {
                if *once && isolators.iter().any(|other| other.name == text) {
                    checker.fault(at, format!("{text:?} is there already; leave one out"));
                }
                obey(rule, &value, checker);
            }
        }
        let other = CONTRARY.iter().find_map(|[one, other]| match text {
            text if text == *one => Some(*other),
            text if text == *other => Some(*one),
            _ => None,
        });
        if let Some(other) = other.filter(|other| isolators.iter().any(|is| is.name == **other)) {
            checker.fault(at, format!("{text:?} contradicts {other:?}; leave one out"));
        }
        isolators.push(Isolator {
            name: text.to_owned(),
            value: value.node.to_json(),
        });
    }
    isolators
}

fn obey(rule: &Rule, at: &At<'_>, checker: &mut Checker) {
    match rule {
        Rule::Quantities => quantities(at, checker, false),
        Rule::LimitForAll => quantities(at, checker, true),
        Rule::Set => set(at, checker, false),
        Rule::SystemCalls => set(at, checker, true),
        Rule::Switch => {
            checker.bool(at);
        }
        Rule::Number(least, most) => {
            checker.integer(at, *least, *most);
        }
        Rule::Context => context(at, checker),
        Rule::Texts => {
            let Value::Map(entries) = &at.node.value else {
                checker.fields(at);
                return;
            };
            for (key, node) in entries {
                let path = format!("{}.{key}", at.path);
                checker.text(&At { node, path });
            }
        }
    }
}

fn quantities(at: &At<'_>, checker: &mut Checker, for_all: bool) {
    let Some(mut fields) = checker.fields(at) else {
        return;
    };
    let default = fields.optional("default");
    let is_default = default.and_then(|at| checker.bool(&at)).unwrap_or(false);
    if is_default != for_all {
        let reason = if for_all {
            "default must be true: the limit is for all of them"
        } else {
            "default must not be true: there is one of it"
        };
        checker.fault(at, reason);
    }
    let request = fields.optional("request");
    if let (Some(request), true) = (&request, for_all) {
        checker.fault(request, "it has a limit only; leave the request out");
    }
    let limit = fields.optional("limit");
    for quantity in [request, limit].into_iter().flatten() {
        // A plain number is as good as a text to all programs.
        if !matches!(quantity.node.value, Value::Number(_)) {
            let what = "no quantity; write a number with a suffix such as m, k, M, G, Ki, Mi or Gi";
            checker.text_that(&quantity, types::is_quantity, what);
        }
    }
    fields.done(checker);
}

fn set(at: &At<'_>, checker: &mut Checker, has_errno: bool) {
    let Some(mut fields) = checker.fields(at) else {
        return;
    };
    if let Some(set) = fields.required("set", checker)
        && checker.texts(&set).is_empty()
    {
        checker.fault(&set, "the set is empty; name what is in it");
    }
    let errno = has_errno.then(|| fields.optional("errno")).flatten();
    if let Some(errno) = errno {
        let is_errno = |text: &str| text.bytes().all(|byte| byte.is_ascii_uppercase());
        let what = "no name of an error; write it in capital letters, such as \"ENOTSUP\"";
        checker.text_that(&errno, is_errno, what);
    }
    fields.done(checker);
}

fn context(at: &At<'_>, checker: &mut Checker) {
    let Some(mut fields) = checker.fields(at) else {
        return;
    };
    for key in ["user", "role", "type", "level"] {
        if let Some(part) = fields.required(key, checker) {
            // A level has categories behind a colon.
            let is_part = |text: &str| !text.is_empty() && (key == "level" || !text.contains(':'));
            checker.text_that(&part, is_part, "no part of a context");
        }
    }
    fields.done(checker);
}
