//! `headstart demo`.

use crate::support::{Place, keys};

#[test]
fn the_demo_trains_on_the_bundled_pictures_and_says_how_to_go_on() {
    let place = Place::new();
    let run = place.run("demo").succeeded();
    for part in [
        "Total params: 2,257,984\nTrainable params: 0\n",
        "Pictures    1,000 in 10 classes (",
        "Predictions for pictures that were held back:\n",
        "headstart predict headstart-demo/fashion.safetensors headstart-demo/fashion-mnist/Sneaker",
    ] {
        assert!(run.stdout.contains(part), "'{part}' is not in: {}", run.stdout);
    }
    let accuracy = run.stdout.lines().find_map(|line| line.strip_prefix("Accuracy    ")).unwrap();
    let accuracy: f64 = accuracy.split(' ').next().unwrap().parse().unwrap();
    assert!(accuracy > 0.7, "{accuracy} on held-out pictures");

    let done = place.run("demo --json").succeeded().json().pop().unwrap();
    assert!(keys(&done).contains(&"val_accuracy"));
    assert_eq!((&done["from_cache"], &done["skipped"]), (&1000.into(), &serde_json::json!([])));
    let model = "headstart-demo/fashion.safetensors";
    let run = place.run(&format!("predict {model} headstart-demo/fashion-mnist/Sneaker --top-k 1"));
    let sneakers = run.succeeded().stdout.lines().filter(|l| l.contains(": Sneaker")).count();
    assert!(sneakers > 80, "{sneakers} of 100 sneakers");
}
