//! Wrong usage: exit status 2, and a message on how to correct it.

use crate::support::Place;

#[test]
fn wrong_usage_ends_with_status_2_and_names_the_option() {
    let place = Place::with_pictures(2);
    for (arguments, part) in [
        ("", "Usage: headstart"),
        ("nonsense", "nonsense"),
        ("train", "<DIR>"),
        ("train pictures --val-split 1", "--val-split"),
        ("train pictures --val-split x", "--val-split"),
        ("train pictures --val-split 0.1 --val-dir pictures", "--val-dir"),
        ("train pictures --input-size 31", "32 to 2048"),
        ("train pictures --input-size 4096", "32 to 2048"),
        ("train pictures --resize nearest", "there are bilinear, bicubic, area, tensorflow"),
        ("train pictures --fit zoom", "there are stretch, crop, pad"),
        ("bench --fit pad", "bench, which reads no pictures"),
        ("train pictures --head sgd", "lbfgs, adam"),
        ("train pictures --epochs 3", "--epochs requires --head adam"),
        ("train pictures --learning-rate 1", "--learning-rate requires --head adam"),
        ("train pictures --threads 0", "--threads"),
        ("train pictures --head adam --epochs 0", "--epochs"),
        ("train pictures --seed -1", "-1"),
        ("predict model", "<PATHS>..."),
        ("predict model picture --top-k 0", "--top-k"),
        ("features pictures", "--output"),
        ("features pictures -o x.txt", ".npy, .parquet or .safetensors"),
        ("features pictures -o x", ".npy, .parquet or .safetensors"),
        ("train pictures --head adam --strength 1", "--strength requires --head lbfgs"),
        ("summary --trainable some", "use none, all, from:100"),
        ("import x.h5", "--output"),
        ("cache", "verify"),
        ("cache info --cache-limit 0", "--no-cache"),
        ("cache info --cache-limit lots", "500MB"),
        ("cache clear --older-than 3", "30d"),
    ] {
        let run = place.run(arguments);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{arguments}: {}", run.stderr);
        assert!(run.stderr.contains(part), "{arguments}: {}", run.stderr);
    }
    assert_eq!(place.below("."), ["pictures"]);
}

#[test]
fn what_is_no_number_is_told_which_number_is_expected() {
    let place = Place::with_pictures(2);
    for (arguments, text) in [
        ("train pictures --folds five", "'five' for '--folds <K>': give a whole number"),
        ("train pictures --folds 2.5", "'2.5' for '--folds <K>': give a whole number"),
        ("train pictures --folds 1", "'1' for '--folds <K>': give a whole number from 2 on"),
        (
            "train pictures --threads 0",
            "'0' for '--threads <N>': give a whole number from 1 to 65535",
        ),
        ("train pictures --threads x", "'x' for '--threads <N>': give a whole number"),
        ("train pictures --seed=-1", "'-1' for '--seed <N>': give a whole number, 0 or more"),
        ("train pictures --views=99999999999999999999", "'--views <N>': give a smaller number"),
        ("train pictures --strength 0,1", "'0,1' for '--strength <C>': give a number such as 0.1"),
        ("train pictures --learning-rate x", "'--learning-rate <X>': give a number such as 0.1"),
        ("serve model --max-pixels 0", "'--max-pixels <N>': give a whole number from 1 on"),
        ("predict m p --top-k all", "'all' for '--top-k <N>': give a whole number"),
    ] {
        let run = place.run(arguments);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{arguments}: {}", run.stderr);
        let (first, rest) = run.stderr.split_once('\n').unwrap();
        assert!(first.starts_with("error: invalid value '") && first.ends_with(text), "{first}");
        assert_eq!(rest, "\nFor more information, try '--help'.\n", "{arguments}");
    }
}

#[test]
fn options_that_make_no_sense_are_named() {
    let place = Place::with_pictures(2);
    for (options, part) in [
        ("--head adam --learning-rate 0", "learning rate"),
        ("--head adam --learning-rate -1", "learning rate"),
        ("--head adam --learning-rate nan", "learning rate"),
        ("--head adam --batch-size 0", "batch"),
        ("--head adam --dropout 1", "dropout"),
        ("--strength 0", "strength"),
        ("--base nonsense", "nonsense"),
        ("--base efficientnet-lite3", "--weights"),
    ] {
        let run = place.run(&format!("train pictures --input-size 32 --output m {options}"));
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{options}: {}", run.stderr);
        assert!(run.stderr.contains(part) && run.stderr.lines().count() == 1, "{}", run.stderr);
    }
    assert_eq!(place.below("."), ["pictures"]);
}

#[test]
fn help_and_version_are_on_standard_output() {
    let place = Place::new();
    for (arguments, part) in [
        ("--help", "Start with: headstart demo"),
        ("train --help", "--val-split"),
        ("--version", "headstart "),
    ] {
        let run = place.run(arguments).succeeded();
        assert!(run.stdout.contains(part), "{}", run.stdout);
    }
}
