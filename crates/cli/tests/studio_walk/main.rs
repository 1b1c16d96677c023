//! Walks through the studio as a person would: in a real browser, with keyboard, mouse and camera.
#![cfg(all(unix, feature = "studio"))]

mod chromium;
mod project;

use chromium::Chromium;
use project::{Project, Studio, pictures};

/// Whether the header shows the model's accuracy.
const HAS_LEARNED: &str = "/% right/.test(document.querySelector('.status')?.textContent)";

/// Waits for a toast that contains these words.
fn told(browser: &Chromium, words: &str) {
    browser
        .wait_for(&format!("document.querySelector('studio-toast').innerText.includes({words:?})"));
}

/// The link of a class in the list of classes.
fn class(name: &str) -> String {
    format!("document.querySelector('class-list [data-class={name:?}] a')")
}

/// Goes to a panel by its keyboard shortcut.
fn go(browser: &Chromium, letter: &str, panel: &str) {
    browser.evaluate("document.activeElement?.blur()");
    browser.key("g");
    browser.key(letter);
    browser.wait_for(&format!("document.querySelector('panel-{panel} h2')"));
}

#[test]
fn a_person_walks_through_the_whole_studio() {
    let project = Project::new();
    let Some(browser) = Chromium::start(&project.video("Trouser")) else { return };
    let studio = Studio::start(&project);
    browser.open(&studio.url);

    begin(&browser, &project);
    record(&browser, &project);
    drop_pictures(&browser, &project);
    move_pictures(&browser, &project);
    label(&browser, &project);
    browser.wait_for(HAS_LEARNED);
    clean(&browser, &project);
    results(&browser);
    live(&browser, &project);
    improve(&browser);
    take_away(&browser);
    assert_eq!(browser.errors(), Vec::<String>::new());

    // All work is still there after the page is reloaded, and after the server is killed.
    browser.call("Page.reload", &serde_json::json!({}));
    browser.wait_for(HAS_LEARNED);
    studio.kill();
    browser.wait_for("/does not answer/.test(document.querySelector('.banner').textContent)");
    let before = project.files();
    let studio = Studio::start(&project);
    browser.open(&studio.url);
    // The old window has sent requests to the killed server.
    browser.errors();
    browser.wait_for(HAS_LEARNED);
    assert_eq!(project.files(), before);
    go(&browser, "p", "pictures");
    browser.key("Control+z");
    browser.wait_for("document.querySelector('studio-toast').innerText !== ''");
    assert_ne!(project.files(), before, "what was done before it was killed can be undone");
    browser.key("Control+Shift+z");
    project.wait_until(|files| *files == before);
    assert_eq!(browser.errors(), Vec::<String>::new());

    let own = studio.url.split("?token").next().unwrap().to_owned();
    let asked = browser.end();
    assert!(asked.iter().any(|url| url.starts_with(&own)), "{asked:?}");
    let local = ["http://127.0.0.1:", "blob:", "data:"];
    let outside: Vec<_> =
        asked.iter().filter(|url| !local.iter().any(|start| url.starts_with(start))).collect();
    assert!(outside.is_empty(), "nothing but loopback is asked for: {outside:?}");
}

/// Enters two names, which creates two classes.
fn begin(browser: &Chromium, project: &Project) {
    browser.click_on("document.querySelector('start-here input')");
    browser.enter("Bag");
    browser.click_on("document.querySelectorAll('start-here input')[1]");
    browser.enter("Trouser");
    browser.key("Enter");
    browser.wait_for(&class("Trouser"));
    assert_eq!(project.count("Bag"), Some(0));
    assert_eq!(project.count("Trouser"), Some(0));
    assert_eq!(project.count("Coat"), None);
}

/// Records pictures from the camera while the button is held.
fn record(browser: &Chromium, project: &Project) {
    browser.click_on(&class("Trouser"));
    browser.wait_for("document.querySelector('.empty').innerText.includes('Trouser')");
    browser.press("Use the camera");
    browser.wait_for("document.querySelector('.hold:enabled')");
    let (x, y) = browser.middle("document.querySelector('.hold')");
    browser.mouse("mouseMoved", x, y);
    browser.mouse("mousePressed", x, y);
    browser.wait_for("Number.parseInt(document.querySelector('.recorder-tools p').innerText) >= 8");
    browser.mouse("mouseReleased", x, y);
    project.wait_until(|_| project.count("Trouser") >= Some(8));
    let recorded = project.count("Trouser");
    browser.wait_for(&format!("{}.innerText.includes({})", class("Trouser"), recorded.unwrap()));
    // One recording is undone in one step.
    browser.key("Control+z");
    project.wait_until(|_| project.count("Trouser") == Some(0));
    browser.key("Control+Shift+z");
    project.wait_until(|_| project.count("Trouser") == recorded);
    browser.press("Close camera");
}

/// Drops a folder with a subfolder on a class, files on a class, and a folder that becomes a class.
fn drop_pictures(browser: &Chromium, project: &Project) {
    let folder = project.folder_of("Bag", 0..10);
    project.folder_of("Bag/old", 10..12);
    browser.drop_on(&class("Bag"), &[folder]);
    project.wait_until(|_| project.count("Bag") == Some(12));
    assert_eq!(project.count("old"), None);
    browser.drop_on(&class("Trouser"), &pictures("Trouser", 0..12));
    project.wait_until(|_| project.count("Trouser") >= Some(20));
    let folder = project.folder_of("Sneaker", 0..12);
    browser.drop_on("document.querySelector('header')", &[folder]);
    project.wait_until(|_| project.count("Sneaker") == Some(12));
    browser.wait_for(&class("Sneaker"));
}

/// Selects and moves pictures with the keyboard and with the mouse.
fn move_pictures(browser: &Chromium, project: &Project) {
    browser.click_on(&class("Sneaker"));
    browser.wait_for("document.querySelectorAll('.tile[role=option]').length === 12");
    browser.evaluate("document.querySelector('.tiles').focus()");
    browser.key("ArrowRight");
    browser.key("Shift+ArrowRight");
    browser.wait_for("document.querySelector('.bar').innerText.includes('2 selected')");
    browser.key("1");
    told(browser, "Bag");
    project.wait_until(|_| project.count("Bag") == Some(14));
    browser.key("Control+z");
    project.wait_until(|_| project.count("Bag") == Some(12));
    browser.wait_for("document.querySelectorAll('.tile[role=option]').length === 12");
    browser.drag("document.querySelector('.tile[role=option]')", &class("Bag"));
    project.wait_until(|_| project.count("Bag") == Some(13));
    browser.press("Undo");
    project.wait_until(|_| project.count("Bag") == Some(12));
}

/// Assigns classes to unlabelled pictures with the keyboard.
fn label(browser: &Chromium, project: &Project) {
    go(browser, "l", "label");
    browser.drop_on("document.querySelector('main')", &pictures("Sneaker", 12..20));
    browser.wait_for("document.querySelector('panel-label h2').innerText.includes('8 pictures')");
    browser.wait_for(
        "/guess: (Bag|Sneaker|Trouser)/.test(document.querySelector('.guess')?.innerText)",
    );
    let inbox = || project.files().keys().filter(|path| path.components().count() == 1).count();
    assert_eq!(inbox(), 8);
    browser.key("2");
    project.wait_until(|_| inbox() == 7);
    browser.key("Enter");
    project.wait_until(|_| inbox() == 6);
    browser.key("Control+z");
    project.wait_until(|_| inbox() == 7);
    browser.wait_for("document.querySelector('panel-label h2').innerText.includes('7 pictures')");
    // Labels all similar pictures at once, until none is left.
    while inbox() > 0 {
        let before = inbox();
        browser.key("Shift+2");
        project.wait_until(|_| inbox() < before);
    }
    browser
        .wait_for("document.querySelector('panel-label').innerText.includes('Nothing to label')");
    assert_eq!(project.count("Sneaker"), Some(20));
}

/// The same picture in two classes is reported, and a button fixes it.
fn clean(browser: &Chromium, project: &Project) {
    go(browser, "p", "pictures");
    let before = project.count("Trouser").unwrap();
    browser.drop_on(&class("Trouser"), &pictures("Bag", 0..1));
    project.wait_until(|_| project.count("Trouser") == Some(before + 1));
    go(browser, "c", "clean");
    browser.wait_for("document.querySelector('.findings article .main')");
    let before = project.files();
    browser.click_on("document.querySelector('.findings article .main')");
    project.wait_until(|files| *files != before);
    browser.key("Control+z");
    project.wait_until(|files| *files == before);
    browser.key("Control+Shift+z");
    project.wait_until(|files| *files != before);
}

fn results(browser: &Chromium) {
    go(browser, "h", "results");
    browser.wait_for("document.querySelector('panel-results').innerText.includes('accuracy on pictures it has not seen')");
    browser.wait_for("document.querySelectorAll('.matrix tbody tr').length === 3");
}

/// The camera shows trousers, and the model recognises them.
fn live(browser: &Chromium, project: &Project) {
    go(browser, "t", "live");
    browser.press("Start the camera");
    browser.wait_for("Number(document.querySelector('panel-live').dataset.frames) > 20");
    browser.wait_for("document.querySelector('.headline').innerText === 'Trouser'");
    browser.click_on("document.querySelector('panel-live input[type=checkbox]')");
    browser.wait_for("document.querySelector('panel-live .heatmap').checkVisibility()");
    let before = project.count("Trouser").unwrap();
    browser.click_on("document.querySelector('.wrong [data-key=\"class Trouser\"]')");
    project.wait_until(|_| project.count("Trouser") == Some(before + 1));
    browser.press("Stop the camera");
}

/// Trains with another base, and compares the models.
fn improve(browser: &Chromium) {
    go(browser, "i", "improve");
    browser.wait_for("document.querySelector('#base').options.length > 0");
    browser.click_on("document.querySelector('input[value=train]')");
    browser.press("Start");
    browser.wait_for("document.querySelector('job-view').innerText.includes('Done')");
    browser.wait_for("document.querySelectorAll('.models tbody tr').length === 2");
    browser.press("Compare");
    browser.wait_for("document.querySelector('.comparison .verdict')");
    browser.press("Let it answer");
    browser.wait_for(
        "document.querySelector('.models tbody tr:nth-child(2)').innerText.includes('answers now')",
    );
}

/// Saves the model as a file, and exports it for another framework.
fn take_away(browser: &Chromium) {
    go(browser, "a", "take");
    let saved = |ending: &str| {
        let files = std::fs::read_dir(browser.downloads()).unwrap();
        files
            .map(|file| file.unwrap().path())
            .any(|path| path.extension().is_some_and(|e| e == ending))
    };
    browser.press("Download");
    told(browser, "is in your downloads");
    browser.click_on("document.querySelector('[aria-label*=ONNX]')");
    let begun = std::time::Instant::now();
    while !(saved("safetensors") && saved("onnx")) {
        assert!(begun.elapsed() < chromium::PATIENCE, "no file was saved");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
