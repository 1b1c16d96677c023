//! The options given on the command line, for commands that repeat them in the text of another command.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use crate::output::quoted;

/// The options that were given, with their values.
///
/// It can be a field of a command's arguments, and takes no argument itself. It must be the first field:
/// fields after it consume the matches that it reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given(Vec<(String, Vec<OsString>)>);

impl Given {
    /// The options of `T` that were given, in order, as words of a shell command: `--batch-size 16`.
    pub(crate) fn options<T: Args>(&self) -> Vec<String> {
        let command = T::augment_args(Command::new("options"));
        let known = command.get_arguments().filter(|arg| !arg.is_positional());
        known.filter_map(|arg| self.words(arg)).collect()
    }

    fn words(&self, arg: &Arg) -> Option<String> {
        let (_, values) = self.0.iter().find(|(id, _)| arg.get_id() == id.as_str())?;
        let name = format!("--{}", arg.get_long()?);
        if !arg.get_action().takes_values() {
            return Some(name);
        }
        let values = values.iter().map(|value| quoted(&value.to_string_lossy()));
        Some(std::iter::once(name).chain(values).collect::<Vec<_>>().join(" "))
    }
}

impl FromArgMatches for Given {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let ids = matches.ids().map(clap::Id::as_str);
        let given = ids.filter(|id| matches.value_source(id) == Some(ValueSource::CommandLine));
        let raw = |id: &str| {
            // Groups of options are listed, too. Their ids match no option.
            let values = matches.try_get_raw(id).ok()??;
            Some((id.to_owned(), values.map(ToOwned::to_owned).collect()))
        };
        Ok(Self(given.filter_map(raw).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Given {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}
