//! Validation of class names.

use std::collections::HashSet;

use headstart_engine::head::Task;
use headstart_model::class_name::class_name;

/// Normalises class names by [`class_name`](class_name()) and checks that they are distinct.
///
/// # Errors
/// A description of the problem: an invalid name, two equal ones, or too few.
pub fn class_names(names: &[String], task: Task) -> Result<Vec<String>, String> {
    if names.len() < task.fewest_classes() {
        let needed = if task.is_single_label() { "two are" } else { "one is" };
        return Err(format!("it has {} classes, and at least {needed} needed", names.len()));
    }
    let mut seen = HashSet::new();
    let name = |name: &String| {
        let name = class_name(name).map_err(|bad| bad.to_string())?.into_owned();
        match seen.insert(name.clone()) {
            true => Ok(name),
            false => Err(format!("two classes are called {name:?}")),
        }
    };
    names.iter().map(name).collect()
}
