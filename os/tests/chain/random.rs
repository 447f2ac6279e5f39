//! Any graph, and any change to it: what a build makes is what a build from nothing makes, and it runs no more than it
//! has to.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{Bench, step};
use kurmadisk_os::chain::Step;

/// A step: its text, and which of those before it it needs.
type Drawn = (u8, Vec<prop::sample::Index>);

fn needs(drawn: &[Drawn]) -> Vec<BTreeSet<usize>> {
    let each = drawn.iter().enumerate().map(|(number, (_, needs))| {
        let before = needs.iter().filter(|_| number > 0);
        before.map(|need| need.index(number)).collect()
    });
    each.collect()
}

fn steps<'a>(drawn: &[Drawn], order: &[usize]) -> Vec<Step<'a>> {
    let needs = needs(drawn);
    let make = |number: &usize| {
        let names: Vec<String> = needs[*number]
            .iter()
            .map(|need| format!("s{need}"))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        step(&format!("s{number}"), &names, &drawn[*number].0.to_string())
    };
    order.iter().map(make).collect()
}

/// What each step makes.
fn contents(drawn: &[Drawn]) -> Vec<String> {
    let needs = needs(drawn);
    let mut made: Vec<String> = Vec::new();
    for (number, (text, _)) in drawn.iter().enumerate() {
        // In the order of their names.
        let mut sorted: Vec<_> = needs[number].iter().collect();
        sorted.sort_by_key(|need| format!("s{need}"));
        let below: String = sorted
            .into_iter()
            .map(|need| made[*need].as_str())
            .collect();
        made.push(format!("{text}{below}"));
    }
    made
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_build_after_a_change_is_a_build_from_nothing(
        mut drawn in prop::collection::vec((0..4_u8, prop::collection::vec(any::<prop::sample::Index>(), 0..3)), 1..9),
        shuffle in any::<u64>(),
        change in any::<prop::sample::Index>(),
        text in 0..4_u8,
    ) {
        let mut order: Vec<usize> = (0..drawn.len()).collect();
        order.sort_by_key(|number| shuffle.rotate_left(u32::try_from(*number * 7).unwrap()).wrapping_mul(0x9e37_79b9));
        let bench = Bench::new();
        let first = bench.build(steps(&drawn, &order), &[]).unwrap();
        prop_assert_eq!(first.ran.len(), drawn.len());
        let before = contents(&drawn);
        let changed = change.index(drawn.len());
        drawn[changed].0 = text;
        let after = contents(&drawn);
        let again = bench.build(steps(&drawn, &order), &[]).unwrap();
        let files = bench.files();
        for (number, content) in after.iter().enumerate() {
            let name = format!("s{number}.txt");
            prop_assert_eq!(files.get(&name), Some(content));
        }
        // Those run whose own text changed, or that need one whose content did.
        let needs = needs(&drawn);
        let is_other = |number: &usize| before[*number] != after[*number];
        let mut expected: Vec<String> = (0..drawn.len())
            .filter(|number| (*number == changed && is_other(number)) || needs[*number].iter().any(is_other))
            .map(|number| format!("s{number}"))
            .collect();
        let mut ran = again.ran;
        expected.sort();
        ran.sort();
        prop_assert_eq!(ran, expected);
        let third = bench.build(steps(&drawn, &order), &[]).unwrap();
        prop_assert!(third.ran.is_empty());
        prop_assert_eq!(third.made, again.made);
    }
}
