use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::CommandFactory;
use headstart::formats::Format;

use super::*;
use crate::args::Arguments;

fn file(name: &str) -> PathBuf {
    name.into()
}

#[test]
fn errors_name_the_option_that_mends_them() {
    let names = |names: [&str; 2]| names.map(str::to_owned).to_vec();
    let damaged = || "damaged".to_owned();
    let limit = DecodeError::TooMuchMemory { limit: 500_000_000 };
    let no_column = |holds| ListingProblem::NoSuchColumn {
        holds,
        name: "breed".to_owned(),
        columns: "a, b".to_owned(),
    };
    let errors: [(Error, &str); 24] = [
        (
            BaseError::NotBundled { name: "x".to_owned(), bundled: vec!["a", "b"] }.into(),
            "no weights of 'x' are bundled (bundled: a, b); give a file with --weights",
        ),
        (
            BaseError::UnknownWeights { file: file("x"), looks_like: None }.into(),
            "x: fits none of the bases; `headstart bases` lists them, and --base NAME shows what is missing for one",
        ),
        (
            OpenError::KerasModel { file: file("x") }.into(),
            "x: is not a headstart model (a whole Keras model); turn it into one with `headstart import`",
        ),
        (
            OpenError::WeightFile {
                file: file("x"),
                format: Format::Safetensors,
                looks_like: Some("a head".to_owned()),
            }
            .into(),
            "x: is not a headstart model (a safetensors file: a head); weights are used with \
             `headstart train --weights`",
        ),
        (
            Error::OneClassCounts { class: "a".to_owned() },
            "of the pictures to learn from only those of class \"a\" count, since others weigh nothing: \
             give pictures of another class weights above 0, or take other --folds or another --val-split",
        ),
        (
            Error::NoRoom { folder: file("x"), needed: 2_000_000, free: 1_000_000 },
            "x: training keeps about 2 MB here while it runs, and 1 MB are free; make room, or choose \
             another folder with --cache-dir",
        ),
        (
            Error::Scratch { folder: file("x"), cause: std::io::Error::other("broken") },
            "x: cannot keep the pictures to train on here (broken); choose another folder with --cache-dir",
        ),
        (
            Error::NoCheckpoint { file: file("x"), reason: damaged() },
            "x: is not a checkpoint that can be continued (damaged); remove --resume to start again",
        ),
        (
            Error::OtherRun { file: file("x"), reason: damaged() },
            "x: is a checkpoint of another run (damaged); remove --resume to start again",
        ),
        (
            Error::Saved { epoch: 2, checkpoint: file("x") },
            "interrupted in epoch 2 of fine-tuning; x contains the progress: go on with the same \
             command and --resume",
        ),
        (
            Error::TakesEpochs { problem: "strong augmentation mixes pictures" },
            "strong augmentation mixes pictures, which takes a head trained in epochs: --head adam",
        ),
        (
            Error::OtherTask { model: Task::MultiLabel },
            "the model gives any number of labels, and each picture has one: add --multi-label",
        ),
        (
            Error::Picture { path: Some(file("x")), cause: limit.clone() },
            "x: needs more memory to decode than its size explains, or than the limit of 500 MB (see \
             --memory)",
        ),
        (
            Error::NoReadablePicture {
                skipped: 1,
                path: file("x"),
                reason: DecodeError::FileTooLarge { bytes: 9_000_000, limit: 1_000_000 }.into(),
            },
            "not one picture can be read; the first: x: a file of 9.0 MB exceeds the limit of 1.0 MB \
             (see --memory)",
        ),
        (
            DataError::EitherClasses {
                path: file("x"),
                outer: names(["a", "b"]),
                inner: names(["c", "d"]),
            }
            .into(),
            "x: a, b all hold c, d: find labels by '^([^/]+)/' if the former are the classes, by \
             '([^/]+)/[^/]*$' if the latter are, or call the sides of a split train and validation; \
             --label-from finds labels",
        ),
        (
            DataError::NoClasses { path: file("x"), pictures: 3 }.into(),
            "x: its 3 pictures lie in no class; move them into one folder per class, as in \
             x/CLASS/picture.jpg, or take --label-from",
        ),
        (
            DataError::NoLabels { path: file("x"), pictures: 3, notes: Vec::new() }.into(),
            "x: not one of its pictures (3 in all) has a label to learn; put them into one folder per \
             class, or give them a column label; or take --label-from",
        ),
        (
            DataError::NoColumns { path: file("x") }.into(),
            "x: has no columns; remove --path-column, --label-column and --label-separator",
        ),
        (
            DataError::Manifest {
                path: file("x"),
                reason: ListingProblem::NoPathColumn { columns: "a, b".to_owned() },
            }
            .into(),
            "x: has no column \"path\"; there are: a, b; name the column of paths with --path-column",
        ),
        (
            DataError::Contents {
                path: file("x"),
                reason: ListingProblem::NoLabels { lacks: "has none; it has: a".to_owned() },
            }
            .into(),
            "x: has none; it has: a; name the one with the labels with --labels",
        ),
        (
            DataError::Manifest { path: file("x"), reason: no_column(ColumnUse::Labels) }.into(),
            "x: --label-column breed: no such column; there are: a, b",
        ),
        (
            DataError::Contents { path: file("x"), reason: no_column(ColumnUse::Path) }.into(),
            "x: --path-column breed: no such column; there are: a, b",
        ),
        (
            DataError::MatchesNothing {
                finds: PatternUse::Labels,
                pattern: "p".to_owned(),
                example: "a.jpg".to_owned(),
            }
            .into(),
            "--label-from p: matches none of the paths, such as a.jpg",
        ),
        (
            DataError::MatchesNothing {
                finds: PatternUse::Groups,
                pattern: "p".to_owned(),
                example: "a.jpg".to_owned(),
            }
            .into(),
            "--group-from p: matches none of the paths, such as a.jpg",
        ),
    ];
    for (error, expected) in errors {
        assert_eq!(self::error(&error), expected);
        let told: anyhow::Error = error.into();
        assert_eq!(chain(&told), expected);
        assert_eq!(chain(&told.context("in context")), format!("in context: {expected}"));
    }
    let unlisted = SkipReason::Unlisted { reason: no_column(ColumnUse::Labels) };
    let skipped = Skipped::new("x", unlisted);
    let expected = "x: --label-column breed: no such column; there are: a, b";
    assert_eq!(self::skipped(&skipped), expected);
    assert_eq!(
        reason(&limit.into()).rsplit_once(" (").map(|(_, hint)| hint),
        Some("see --memory)")
    );
    let of_the_system = Err::<(), _>(std::io::Error::other("broken")).context("x").unwrap_err();
    assert_eq!(chain(&of_the_system), "x: broken");
}

#[test]
fn warnings_and_notes_name_the_option_that_changes_it() {
    let worse = |early_stop| Warning::Worse { before: 0.75, after: 0.5, early_stop };
    let full = CacheWarning { root: file("x"), reason: NotKept::LimitReached };
    let expected = "x: features cannot be kept (the limit is reached: see --cache-limit); the next run \
                    will compute them again";
    assert_eq!(cache_warning(&full), expected);
    for (warning, expected) in [
        (
            Warning::Pictures { seen: "1 dark picture".to_owned(), root: file("x") },
            "1 dark picture; see: headstart audit x",
        ),
        (
            Warning::Pictures { seen: "1 dark picture".to_owned(), root: file("my pictures") },
            "1 dark picture; see: headstart audit 'my pictures'",
        ),
        (
            Warning::StillFalling { epochs: 10 },
            "the head has not learned all it can: its loss still falls after 10 epochs; take more \
             --epochs or a higher --learning-rate, which `headstart lr-find` finds",
        ),
        (
            worse(true),
            "fine-tuning made the model worse: accuracy 0.500 on the pictures held back, 0.750 before; \
             try a lower --fine-tune-learning-rate",
        ),
        (
            worse(false),
            "fine-tuning made the model worse: accuracy 0.500 on the pictures held back, 0.750 before; \
             add --early-stop, which keeps the best model, or try a lower --fine-tune-learning-rate",
        ),
        (full.into(), expected),
    ] {
        assert_eq!(self::warning(&warning), expected);
    }
    let several = Note::SeveralLabels { label: "a|b".to_owned(), separator: '|' };
    for (note, expected) in [
        (Note::OneOfLabelColumns("x".to_owned()), "x (--label-column names another)"),
        (Note::NoLabelColumn("x".to_owned()), "x (--label-column names that of the labels)"),
        (several, "\"a|b\" may be several labels: --label-separator \"|\" takes them apart"),
    ] {
        assert_eq!(self::note(&note), expected);
    }
    let prefixes = Assumption::OtherPrefixes {
        file: file("x"),
        taken: "ema".to_owned(),
        others: vec!["a".to_owned(), "b".to_owned()],
    };
    let bases = |timm| Assumption::AlsoFits {
        file: file("x"),
        taken: "lite0-torch",
        others: vec!["lite0"],
        timm,
    };
    for (assumption, expected) in [
        (
            prefixes,
            "x has several sets of weights: those below 'ema' are taken, not those below 'a', 'b'; for \
             others there is --weights-prefix 'a'",
        ),
        (
            bases(true),
            "x fits lite0-torch, which is taken, and as well lite0, which pads and scales otherwise: if \
             it is of that, timm's tf_ models, give --base lite0",
        ),
        (
            bases(false),
            "x fits lite0-torch, which is taken, and as well lite0, which pads and scales otherwise: if \
             it is of that, give --base lite0",
        ),
        (
            Assumption::ClassesBeside { file: file("labels.txt") },
            "the classes are called as in labels.txt, beside the model; --classes gives others",
        ),
    ] {
        assert_eq!(self::assumption(&assumption), expected);
    }
}

/// The lines of a library's source, except comments, that name an option or a command of this program.
fn options_in(file: &Path, options: &[String], commands: &[String]) -> Vec<String> {
    let source = fs::read_to_string(file).expect("a source file is text");
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let is_end = |text: &str| !text.starts_with(|c: char| c.is_alphanumeric() || c == '-');
    let names = |line: &str| {
        let mut words = options.iter().chain(commands);
        words
            .any(|word| line.match_indices(&**word).any(|(at, _)| is_end(&line[at + word.len()..])))
    };
    code.filter(|line| names(line)).map(|line| format!("{}: {line}", file.display())).collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a crate's sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn no_library_names_an_option_or_a_command_of_this_program() {
    let command = Arguments::command();
    let of = |command: &clap::Command| -> Vec<String> {
        let longs = command.get_arguments().filter_map(|argument| argument.get_long());
        longs.map(|long| format!("--{long}")).collect()
    };
    let mut options = of(&command);
    command.get_subcommands().for_each(|command| options.extend(of(command)));
    let commands =
        command.get_subcommands().map(|command| format!("headstart {}", command.get_name()));
    let commands: Vec<String> = commands.collect();
    assert!(options.contains(&"--weights".to_owned()) && options.contains(&"--memory".to_owned()));

    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for krate in fs::read_dir(crates).expect("the workspace's crates") {
        let krate = krate.expect("an entry").path();
        if !krate.ends_with("cli") && krate.join("src").is_dir() {
            sources(&krate.join("src"), &mut files);
        }
    }
    assert!(files.len() > 100, "{} files", files.len());
    // A key of the cache.
    let known = "new_derive_key(\"headstart features ";
    let named = files.iter().flat_map(|file| options_in(file, &options, &commands));
    // A command that the studio tells people to type.
    let told = "studio/src/models/take.rs: ";
    // Options of curl and other programs that are started.
    let started = "fetch/src/program.rs: ";
    let is_known = |line: &String| [known, told, started].iter().any(|at| line.contains(at));
    let named: Vec<String> = named.filter(|line| !is_known(line)).collect();
    assert!(named.is_empty(), "a flag belongs into hints.rs:\n{}", named.join("\n"));
}
