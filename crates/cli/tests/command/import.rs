//! `headstart import`.

use crate::support::{Place, file, keys};

#[test]
fn a_keras_model_becomes_one_that_predicts_with_its_classes() {
    let place = Place::with_pictures(1);
    let picture = place.picture();
    for (name, classes, given) in [
        ("keras3_whole.h5", vec!["class_0", "class_1", "class_2"], None),
        ("keras3_tutorial.keras", vec!["a", "b", "c"], Some("a,b,c")),
        ("keras2_whole.h5", vec!["cat", "dog"], Some("cat,dog")),
    ] {
        let keras = file(&format!("fixtures/keras_mobilenetv2/{name}"));
        let mut arguments = vec!["import", &keras, "--output", "model.safetensors", "--json"];
        if let Some(classes) = given {
            arguments.extend(["--classes", classes]);
        }
        let done = place.run_with(&arguments).succeeded().json_line();
        assert_eq!(keys(&done), ["event", "model", "base", "classes", "assumptions"]);
        assert_eq!(done["classes"], serde_json::json!(classes));
        assert_eq!(done["base"], "mobilenetv2_0.35_96");
        let line = place.run(&format!("predict model.safetensors {picture} --json"));
        let line = line.succeeded().json_line();
        let mut scored = keys(&line["scores"]);
        scored.sort();
        assert_eq!(scored, classes);
    }
}

#[test]
fn a_keras_model_is_given_pictures_as_keras_would_and_what_is_assumed_is_told() {
    let place = Place::new();
    let keras = file("fixtures/keras_mobilenetv2/keras3_tutorial.keras");
    for (options, told, notes) in [
        (&[][..], ", resized by tensorflow\n", 1),
        (&["--resize", "area", "--fit", "pad"], ", resized by area, pad to fit\n", 0),
        (&["--resize", "bilinear"], "mobilenetv2_0.35_96\n", 0),
    ] {
        let arguments = [&["import", &keras, "--output", "model"][..], options].concat();
        let run = place.run_with(&arguments).succeeded();
        assert!(run.stdout.contains(told), "{}", run.stdout);
        assert_eq!(run.stdout.matches("\nNote ").count(), notes, "{}", run.stdout);
    }
}

#[test]
fn what_cannot_be_imported_is_named_and_nothing_is_written() {
    let place = Place::new();
    let keras = |name: &str| file(&format!("fixtures/keras_mobilenetv2/{name}"));
    let whole = std::fs::read(keras("keras3_whole.h5")).unwrap();
    place.write("cut.h5", &whole[..whole.len() / 2]);
    place.write("text.h5", "this is no model");
    for (keras, more, part) in [
        (keras("keras2_no_top.h5"), "", "cannot be imported"),
        (file("fixtures/pytorch_mobilenetv2/torchvision_0.35.pth"), "", "cannot be imported"),
        ("cut.h5".to_owned(), "", "cannot be read"),
        ("text.h5".to_owned(), "", "weights are read from"),
        ("missing.h5".to_owned(), "", "No such file"),
        (keras("keras3_whole.h5"), "--classes=a,b", "2 class names"),
        (keras("keras3_whole.h5"), "--classes=a,b,a", "two classes are called \"a\""),
        (keras("keras3_whole.h5"), "--classes=a,,b", "not a valid class name"),
    ] {
        let mut arguments = vec!["import", &keras, "--output", "model.safetensors"];
        arguments.extend((!more.is_empty()).then_some(more));
        let name = keras.rsplit('/').next().unwrap();
        let named = if more.is_empty() { name } else { "class" };
        let code = if more.is_empty() { 1 } else { 2 };
        place.run_with(&arguments).failed(code, &[part, named]);
    }
    assert_eq!(place.below("."), ["cut.h5", "text.h5"]);
}

#[test]
fn class_names_are_those_of_a_file_that_is_named_or_of_teachable_machine_beside_the_model() {
    let place = Place::new();
    let folder = "fixtures/keras_import/teachable_machine";
    let model = file(&format!("{folder}/keras_model.h5"));
    let done = place.run_with(&["import", &model, "--output", "m", "--json"]).succeeded();
    let done = done.json_line();
    assert_eq!(done["classes"], serde_json::json!(["Cat", "Dog, wet", "Nothing here"]));
    let notes = done["assumptions"].to_string();
    assert!(notes.contains("labels.txt, beside the model; --classes gives others"), "{notes}");

    place.write("names.txt", "\u{feff}0 a\r\n1  b c\r\n2 3\r\n\r\n");
    place.write("plain.txt", "one\n2 two\nthree\n");
    place.write("two.txt", "one\ntwo\n");
    for (names, classes) in [
        ("names.txt", ["a", "b c", "3"]),
        ("plain.txt", ["one", "2 two", "three"]),
        ("x,y,z", ["x", "y", "z"]),
    ] {
        let run = place.run_with(&["import", &model, "-o", "m", "--json", "--classes", names]);
        assert_eq!(run.succeeded().json_line()["classes"], serde_json::json!(classes), "{names}");
    }
    for (names, part) in
        [("two.txt", "2 class names"), ("missing.txt", "missing.txt: No such file")]
    {
        place.run_with(&["import", &model, "-o", "m", "--classes", names]).failed(2, &[part]);
    }
}
