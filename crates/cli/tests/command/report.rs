//! `--report`: the page that `train`, `fine-tune` and `evaluate` write.

use std::fs;

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::support::{CLASSES, Place};

/// Pictures of three classes, one of which has a name with special characters.
fn place() -> Place {
    let place = Place::new();
    place.pictures("pictures", &CLASSES, 0..16);
    fs::rename(place.path("pictures/Trouser"), place.path("pictures/<b>&\"'Trouser")).unwrap();
    place
}

const SMALL: &str = "--input-size 48";

fn page(place: &Place) -> String {
    let page = fs::read_to_string(place.path("report.html")).unwrap();
    // References to clip paths are within the page, so they are not links to other places.
    let page = page.replace("url(#", "");
    for outside in ["<b>&", "http:", "https:", "url(", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
    page
}

/// The data embedded for the page's script.
fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn training_writes_a_page_that_stands_alone() {
    let place = place();
    let run = place.run(&format!(
        "train pictures -o m.safetensors --report report.html --json --val-split 0.5 {SMALL}"
    ));
    let lines = run.succeeded().json();
    assert!(lines.contains(&json!({"event": "report", "file": "report.html"})), "{lines:?}");
    let done = lines.last().unwrap();
    assert_eq!(done["event"], "done");

    let page = page(&place);
    let accuracy = format!("{:.1} %", 100.0 * done["val_accuracy"].as_f64().unwrap());
    for part in [
        "headstart train pictures -o m.safetensors --report report.html --json --val-split 0.5",
        "&#60;b&#62;&#38;&#34;&#39;Trouser",
        "50.0 % of each class held out, seed 0",
        "Loss of pictures left out, by strength C",
        "Reliability",
        accuracy.as_str(),
    ] {
        assert!(page.contains(part), "{part}");
    }
    let data = data(&page);
    assert_eq!(data["classes"][0], "<b>&\"'Trouser");
    // Every held-out picture is in a cell. There are few enough that all have thumbnails.
    let cells = data["cells"].as_object().unwrap();
    let named: usize = cells.values().map(|cell| cell["pictures"].as_array().unwrap().len()).sum();
    assert_eq!(named, done["validation"].as_u64().unwrap() as usize);
    assert!(data["thumbnails"]["0"].as_str().unwrap().starts_with("data:image/jpeg;base64,"));
    assert!(page.len() < 600_000, "{}", page.len());
}

#[test]
fn both_phases_and_folds_and_several_labels_have_a_page_and_so_has_no_picture_held_out() {
    let place = place();
    let model = format!("-o m.safetensors --report report.html {SMALL}");
    let tune = "--head adam --epochs 2 --fine-tune-at block_16_expand --fine-tune-epochs 2";
    place.run(&format!("train pictures {tune} {model}")).succeeded();
    let both = page(&place);
    for part in
        ["aria-label=\"Accuracy\"", "epoch 4, held out: loss", ">fine-tuning<", "Adam, 2 epochs"]
    {
        assert!(both.contains(part), "{part}");
    }
    let more = "--epochs 1 --report report.html";
    place.run(&format!("fine-tune m.safetensors pictures --at block_16_expand {more}")).succeeded();
    assert!(page(&place).contains("headstart fine-tune m.safetensors"));

    place.run(&format!("train pictures --folds 2 {model}")).succeeded();
    let folds = page(&place);
    assert!(folds.contains("measured on 48 pictures in 2 folds"));
    assert!(folds.contains("2 folds, seed 0; the model learned from all pictures"));

    let run = place.run(&format!("train pictures --val-split 0 {model}")).succeeded();
    let unseen = "48 pictures learned from, each by a head that had not seen it";
    assert!(page(&place).contains(&format!("measured on {unseen}")));
    assert!(run.stdout.contains(&format!("of {unseen})")), "{}", run.stdout);
    let adam = format!("train pictures --val-split 0 --head adam --epochs 1 {model}");
    let run = place.run(&adam).succeeded();
    assert!(run.stdout.contains("Accuracy    not measured"), "{}", run.stdout);
    let alone = page(&place);
    assert!(alone.contains("no pictures were held out") && !alone.contains("id=\"confusion\""));

    let mut table = "path,label\n".to_owned();
    for class in &CLASSES[..2] {
        for (index, name) in place.below(&format!("pictures/{class}")).iter().enumerate() {
            let both = if index % 3 == 0 { ";Both" } else { "" };
            table += &format!("pictures/{class}/{name},{class}{both}\n");
        }
    }
    place.write("labels.csv", table);
    place.run(&format!("train labels.csv --multi-label {model}")).succeeded();
    let several = page(&place);
    assert!(several.contains("Mean average precision") && several.contains("It is "));
    assert!(!several.contains("id=\"confusion\"") && !several.contains("id=\"data\""));
}

#[test]
fn evaluation_shows_unknown_pictures_that_were_not_noticed() {
    let place = place();
    place.run(&format!("train pictures -o m.safetensors {SMALL}")).succeeded();
    place.pictures("others", &["Bag"], 20..23);
    let run =
        place.run("evaluate m.safetensors pictures --unknown-dir others --report report.html");
    assert!(run.code == 0 && run.stdout.contains("Report      report.html"), "{run:?}");
    let page = page(&place);
    // These are bags, which the model knows.
    for part in ["Not noticed as unknown", "none of the classes", "of which were learned from"] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn a_page_that_cannot_be_written_is_told_before_the_work() {
    let place = place();
    let run = place.run(&format!("train pictures -o m.safetensors --report no/page.html {SMALL}"));
    run.failed(1, &["no/page.html"]);
    assert!(!place.path("m.safetensors").exists());
    for file in ["m.safetensors", "./m.safetensors"] {
        let run = place.run(&format!("train pictures -o m.safetensors --report {file} {SMALL}"));
        assert!(run.code == 2 && run.stderr.contains("is the model itself"), "{run:?}");
    }
    assert!(!place.path("m.safetensors").exists());
}

#[test]
fn a_cell_shows_its_pictures_and_a_table_sorts_in_a_browser() {
    let Some(browser) = Browser::find() else { return };
    let place = place();
    let options = "--val-split 0.5 --strength 1e-6 --no-unknown --report report.html";
    place.run(&format!("train pictures -o m.safetensors {options} {SMALL}")).succeeded();
    let page = page(&place);
    let cells = data(&page)["cells"].clone();
    let (cell, pictures) = cells.as_object().unwrap().iter().next().unwrap();
    let found = browser.drive(
        &place.path("report.html"),
        &format!(
            r##"
            const byId = (id) => document.getElementById(id);
            const button = document.querySelector('#matrix [data-cell="{cell}"]');
            const hidden = byId("cell").hidden;
            button.focus();
            button.click();
            const shown = {{
                hidden: byId("cell").hidden,
                pictures: byId("cell-list").children.length,
                images: byId("cell-list").querySelectorAll("img").length,
                focus: document.activeElement.id,
            }};
            byId("cell").dispatchEvent(new KeyboardEvent("keydown", {{ key: "Escape" }}));
            const closed = {{ hidden: byId("cell").hidden, back: document.activeElement === button }};
            document.querySelector("[data-class]").click();
            const ofClass = byId("cell-list").querySelectorAll("[data-cell]").length;
            byId("cell-list").querySelector("[data-cell]").click();
            const inner = byId("cell-list").className;
            const header = document.querySelectorAll("#class-table [data-sort]")[4];
            const column = () => [...document.querySelectorAll("#class-table tbody tr")].map((r) => r.cells[4].textContent);
            header.click();
            const up = column();
            header.click();
            const down = column();
            const chart = document.querySelector(".chart");
            chart.dispatchEvent(new KeyboardEvent("keydown", {{ key: "ArrowRight" }}));
            const value = chart.querySelector(".readout").textContent;
            const box = document.querySelector(".heat");
            box.click();
            const map = getComputedStyle(document.querySelector(".heatmap")).display;
            return {{ hidden, shown, closed, ofClass, inner, up, down, value, map, wide: document.documentElement.scrollWidth <= innerWidth }};
            "##
        ),
    );
    let count = pictures["pictures"].as_array().unwrap().len();
    assert_eq!(found["hidden"], true, "{found}");
    let shown = json!({"hidden": false, "pictures": count, "images": count, "focus": "cell-title"});
    assert_eq!(found["shown"], shown);
    assert_eq!(found["closed"], json!({"hidden": true, "back": true}));
    assert!(found["ofClass"].as_u64().unwrap() >= 1 && found["inner"] == "thumbnails", "{found}");
    let column =
        |name: &str| -> Vec<String> { serde_json::from_value(found[name].clone()).unwrap() };
    let (up, mut down) = (column("up"), column("down"));
    assert!(up.is_sorted() && up.len() == 3, "{up:?}");
    down.reverse();
    assert!(down.is_sorted(), "{down:?}");
    assert!(found["value"].as_str().unwrap().contains(" sure, "), "{found}");
    assert_eq!((&found["map"], &found["wide"]), (&json!("block"), &json!(true)));
}
