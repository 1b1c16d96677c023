//! `headstart lr-find`.

use std::fs;

use crate::support::{CLASSES, Place, keys};

#[test]
fn a_folder_has_its_heads_rate_suggested_with_a_plot_and_a_command_that_works() {
    let place = Place::with_pictures(8);
    let run = place
        .run("lr-find pictures --input-size 32 --batch-size 8 --steps 50 --plot plot.svg")
        .succeeded();
    for part in [
        "Base        mobilenetv2 at 32 x 32, ",
        "Pictures    24 in 3 classes (pictures)\n",
        "Split       18 to learn from, 6 held back\n",
        "Tested      1e-7 to ",
        "8 pictures each, ",
        "▼ suggestion ",
        "learning rate\n",
        "\nSuggestion  ",
        "\nPlot        plot.svg\n",
    ] {
        assert!(run.stdout.contains(part), "'{part}' is not in: {}", run.stdout);
    }
    let wide = run.stdout.lines().filter(|line| line.contains(['│', '┤', '▼']));
    assert!(wide.clone().count() > 14 && wide.clone().all(|line| line.chars().count() <= 80));
    assert_eq!(place.below("."), ["cache", "pictures", "plot.svg"]);

    let command = run.stdout.lines().last().unwrap().strip_prefix("Go on with:  headstart ");
    let command = command.unwrap_or_else(|| panic!("{}", run.stdout));
    let start = "train pictures --head adam --input-size 32 --batch-size 8 --learning-rate ";
    assert!(command.starts_with(start), "{command}");
    place.run(&format!("{command} --epochs 1")).succeeded();
}

#[test]
fn the_plot_is_well_formed_and_has_every_step() {
    let place = Place::with_pictures(8);
    let run = place.run("lr-find pictures --input-size 32 --steps 40 --plot plot.svg --json");
    let event = run.succeeded().json_line();
    let svg = fs::read_to_string(place.path("plot.svg")).unwrap();
    // Checks that elements are closed in order.
    let mut open = Vec::new();
    for tag in svg.split('<').skip(1).map(|rest| rest.split_once('>').unwrap().0) {
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        match (tag.starts_with('/'), tag.ends_with('/')) {
            (true, _) => assert_eq!(open.pop(), Some(name), "{tag}"),
            (false, false) => open.push(name),
            (false, true) => {}
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
    }
    assert!(open.is_empty() && svg.starts_with("<svg "), "{open:?}");
    let steps = event["rates"].as_array().unwrap().len();
    let curves: Vec<&str> = svg.split(" points=\"").skip(1).collect();
    assert_eq!(curves.len(), 2);
    for curve in curves {
        let points = curve.split('"').next().unwrap().split(' ');
        assert_eq!(points.count(), steps);
    }
    for part in [">learning rate</text>", ">loss</text>", ">suggestion ", ">1e-6</text>"] {
        assert!(svg.contains(part), "'{part}' is not in {svg}");
    }
}

#[test]
fn a_model_is_tested_on_the_folder_it_was_trained_on_and_stays_as_it_is() {
    let place = Place::with_model();
    let model = || fs::read(place.path("model.safetensors")).unwrap();
    let before = model();
    let options = "--at 150 --batch-size 8 --steps 30 --optimizer adam";
    let run = place.run(&format!("lr-find model.safetensors {options} --json"));
    let event = run.json_line();
    assert_eq!(
        keys(&event),
        [
            "event",
            "of",
            "suggestion",
            "most",
            "command",
            "rates",
            "losses",
            "smoothed",
            "steps",
            "batch_size",
            "train",
            "validation",
            "plot",
            "warnings",
            "skipped",
            "seconds"
        ]
    );
    assert_eq!((&event["event"], &event["of"]), (&"lr-find".into(), &"fine-tune".into()));
    // The pictures that training held back are held back here, too.
    assert_eq!((&event["train"], &event["validation"]), (&15.into(), &3.into()));
    assert!(event["seconds"].as_f64().unwrap() > 0.0);
    let suggested = event["suggestion"].is_number();
    assert_eq!(run.code, i32::from(!suggested));
    if suggested {
        let command = event["command"].as_str().unwrap();
        let start = "headstart fine-tune model.safetensors pictures --at 150 --optimizer adam \
                     --batch-size 8 --learning-rate ";
        assert!(command.starts_with(start), "{command}");
    }
    // The test gives the same losses when run again, with other output options, and on another folder
    // with the same pictures.
    place.pictures("other folder", &CLASSES, 0..6);
    let arguments = ["lr-find", "model.safetensors", "other folder", "--json"];
    let more: Vec<&str> = arguments.into_iter().chain(options.split(' ')).collect();
    assert_eq!(place.run_with(&more).json_line()["losses"], event["losses"]);
    assert!(model() == before);
    assert_eq!(place.below("."), ["cache", "model.safetensors", "other folder", "pictures"]);
}

#[test]
fn where_the_loss_does_not_fall_it_says_so_and_what_to_do() {
    let place = Place::with_pictures(6);
    let run = place.run("lr-find pictures --input-size 32 --first 1e-12 --last 1e-11 --steps 20");
    assert_eq!((run.code, run.stderr.as_str()), (1, ""), "{}", run.stdout);
    for part in ["Suggestion  none: the loss does not fall", "try a higher --last, more --steps"] {
        assert!(run.stdout.contains(part), "'{part}' is not in: {}", run.stdout);
    }
    assert!(!run.stdout.contains("Go on with"));
}

#[test]
fn what_cannot_be_tested_is_told_in_one_line() {
    let place = Place::with_model();
    fs::rename(place.path("pictures"), place.path("moved")).unwrap();
    place.run("lr-find nothing").failed(1, &["nothing: no such model, and no such folder"]);
    place.run("lr-find model.safetensors").failed(
        1,
        &["was trained on pictures, where there is no folder now", "lr-find model.safetensors DIR"],
    );
    place.run("lr-find moved --plot no/plot.svg").failed(1, &["no/plot.svg"]);
    for (arguments, part) in [
        ("moved --steps 9", "steps is 9; it must be 10 or more"),
        ("moved --first 1 --last 0.1", "it must be above the first"),
        ("moved --first -1", "first learning rate is -1"),
        ("moved --batch-size 0", "batch size"),
        ("moved --optimizer sgd", "--optimizer is for fine-tuning: give a model"),
        ("moved --at 100", "--at is for fine-tuning"),
        ("moved moved", "where a model is needed"),
        ("model.safetensors moved --input-size 64", "--input-size is for training a head"),
        ("model.safetensors moved --at nonsense", "nonsense"),
    ] {
        let run = place.run(&format!("lr-find {arguments}"));
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{arguments}: {}", run.stderr);
        assert!(run.stderr.contains(part), "{arguments}: {}", run.stderr);
    }
    assert_eq!(place.below("."), ["cache", "model.safetensors", "moved"]);
}
