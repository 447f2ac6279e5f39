//! What the specification asks of an app: "Image Manifest Schema", `app`.

use std::collections::{BTreeMap, HashSet};

use super::checker::{At, Checker};
use super::isolator;
use super::node::Value;
use super::{App, EventHandler, MountPoint, Port};

/// The events that have handlers.
const EVENTS: [&str; 2] = ["pre-start", "post-stop"];

/// The highest number of a port.
const LAST_PORT: i64 = 65_535;

pub(super) fn check(at: &At<'_>, checker: &mut Checker) -> Option<App> {
    let mut fields = checker.fields(at)?;
    let exec = fields.required("exec", checker);
    let exec = exec.map_or_else(Vec::new, |at| exec_of(&at, checker));
    let mut owner = |key| {
        let at = fields.required(key, checker)?;
        let what = "no user or group; give a name, a number in quotes, or a path";
        checker.text_that(&at, |text| !text.is_empty(), what)
    };
    let (user, group) = (owner("user"), owner("group"));
    let gids = fields.optional("supplementaryGIDs");
    let supplementary_gids = gids.map_or_else(Vec::new, |at| groups(&at, checker));
    let handlers = fields.optional("eventHandlers");
    let event_handlers = handlers.map_or_else(Vec::new, |at| all_handlers(&at, checker));
    let directory = fields.optional("workingDirectory");
    let directory = directory.and_then(|at| checker.absolute(&at));
    let environment = fields.optional("environment");
    let environment = environment.map_or_else(Vec::new, |at| {
        let what = "no name of a variable; it is not empty and has no \"=\"";
        checker.pairs(&at, is_variable, what)
    });
    let points = fields.optional("mountPoints");
    let mount_points = points.map_or_else(Vec::new, |at| all_points(&at, checker));
    let ports = fields.optional("ports");
    let ports = ports.map_or_else(Vec::new, |at| all_ports(&at, checker));
    let isolators = fields.optional("isolators");
    let isolators = isolators.map_or_else(Vec::new, |at| isolator::check(&at, checker));
    let annotations = fields.optional("userAnnotations");
    let user_annotations = annotations.map_or_else(BTreeMap::new, |at| texts_by_key(&at, checker));
    let labels = fields.optional("userLabels");
    let user_labels = labels.map_or_else(BTreeMap::new, |at| texts_by_key(&at, checker));
    fields.done(checker);
    Some(App {
        exec,
        user: user?.to_owned(),
        group: group?.to_owned(),
        supplementary_gids,
        event_handlers,
        working_directory: directory.map(str::to_owned),
        environment,
        mount_points,
        ports,
        isolators,
        user_annotations,
        user_labels,
    })
}

/// A program by its absolute path, and its arguments.
fn exec_of(at: &At<'_>, checker: &mut Checker) -> Vec<String> {
    match checker.list(at).first() {
        Some(program) => {
            checker.absolute(program);
        }
        None if matches!(at.node.value, Value::List(_)) => {
            checker.fault(at, "it is empty; give the program and its arguments");
        }
        None => return Vec::new(),
    }
    checker.texts(at)
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}

fn groups(at: &At<'_>, checker: &mut Checker) -> Vec<u32> {
    let items = checker.list(at);
    let ids = items
        .iter()
        .filter_map(|item| checker.integer(item, 0, u32::MAX.into()));
    ids.filter_map(|id| u32::try_from(id).ok()).collect()
}

fn all_handlers(at: &At<'_>, checker: &mut Checker) -> Vec<EventHandler> {
    let mut handlers: Vec<EventHandler> = Vec::new();
    for item in checker.list(at) {
        let Some(mut fields) = checker.fields(&item) else {
            continue;
        };
        let name = fields.required("name", checker);
        let exec = fields.required("exec", checker);
        fields.done(checker);
        let what = "no event; there are: pre-start, post-stop";
        let event = name
            .as_ref()
            .and_then(|at| checker.text_that(at, |text| EVENTS.contains(&text), what));
        let exec = exec.map_or_else(Vec::new, |at| exec_of(&at, checker));
        let Some(event) = event else { continue };
        if handlers.iter().any(|handler| handler.name == event) {
            checker.fault(
                &item,
                format!("{event} has a handler already; leave one out"),
            );
        }
        handlers.push(EventHandler {
            name: event.to_owned(),
            exec,
        });
    }
    handlers
}

fn all_points(at: &At<'_>, checker: &mut Checker) -> Vec<MountPoint> {
    let mut points = Vec::new();
    let mut seen = HashSet::new();
    for item in checker.list(at) {
        let Some(mut fields) = checker.fields(&item) else {
            continue;
        };
        let name = fields.required("name", checker);
        let name = name.as_ref().and_then(|at| checker.name(at));
        let path = fields.required("path", checker);
        let path = path.as_ref().and_then(|at| checker.absolute(at));
        let read_only = fields.optional("readOnly");
        let read_only = read_only.and_then(|at| checker.bool(&at));
        fields.done(checker);
        let (Some(name), Some(path)) = (name, path) else {
            continue;
        };
        if !seen.insert(name) {
            checker.fault(&item, format!("{name:?} is there already; leave one out"));
        }
        points.push(MountPoint {
            name: name.to_owned(),
            path: path.to_owned(),
            read_only: read_only.unwrap_or(false),
        });
    }
    points
}

fn all_ports(at: &At<'_>, checker: &mut Checker) -> Vec<Port> {
    let items = checker.list(at);
    let ports = items.iter().filter_map(|item| port(item, checker));
    ports.collect()
}

fn port(at: &At<'_>, checker: &mut Checker) -> Option<Port> {
    let mut fields = checker.fields(at)?;
    let name = fields.required("name", checker);
    let name = name.as_ref().and_then(|at| checker.name(at));
    let protocol = fields.required("protocol", checker);
    let protocol = protocol.as_ref().and_then(|at| {
        let what = "no protocol; give one, such as \"tcp\"";
        checker.text_that(at, |text| !text.is_empty(), what)
    });
    let port = fields.required("port", checker);
    let port = port.and_then(|at| checker.integer(&at, 1, LAST_PORT));
    let count = fields.optional("count");
    // The specification's own programs take 0 for 1.
    let count = count.map_or(Some(1), |at| checker.integer(&at, 0, LAST_PORT));
    let count = count.map(|count| count.max(1));
    let activated = fields.optional("socketActivated");
    let activated = activated.and_then(|at| checker.bool(&at));
    fields.done(checker);
    let (port, count) = (port?, count?);
    if port + count - 1 > LAST_PORT {
        let reason = format!("{count} ports from {port} on end behind {LAST_PORT}");
        checker.fault(at, reason);
    }
    Some(Port {
        name: name?.to_owned(),
        protocol: protocol?.to_owned(),
        port: u16::try_from(port).ok()?,
        count: u16::try_from(count).ok()?,
        socket_activated: activated.unwrap_or(false),
    })
}

/// A table of texts.
fn texts_by_key(at: &At<'_>, checker: &mut Checker) -> BTreeMap<String, String> {
    let Value::Map(entries) = &at.node.value else {
        // It says which kind is needed.
        checker.fields(at);
        return BTreeMap::new();
    };
    let mut texts = BTreeMap::new();
    for (key, node) in entries {
        let path = format!("{}.{key}", at.path);
        if let Some(text) = checker.text(&At { node, path }) {
            texts.insert(key.clone(), text.to_owned());
        }
    }
    texts
}
