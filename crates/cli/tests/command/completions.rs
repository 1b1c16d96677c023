//! `headstart completions` and `headstart man`.

use std::process::Command;

fn headstart() -> Command {
    Command::new(env!("CARGO_BIN_EXE_headstart"))
}

#[test]
fn a_completion_script_knows_every_command_and_options() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = headstart().args(["completions", shell]).output().unwrap();
        assert!(output.status.success(), "{shell}");
        let script = String::from_utf8(output.stdout).unwrap();
        for word in ["fine-tune", "studio", "fine-tune-at", "cache-limit"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let dir = tempfile::tempdir().unwrap();
    let output = headstart().arg("man").arg(dir.path().join("man1")).output().unwrap();
    assert!(output.status.success());
    for (page, text) in [
        ("headstart.1", "headstart\\-train(1)"),
        ("headstart-train.1", "\\-\\-fine\\-tune\\-at"),
        ("headstart-cache-verify.1", "\\-\\-repair"),
    ] {
        let written = std::fs::read_to_string(dir.path().join("man1").join(page)).unwrap();
        assert!(written.contains(text), "{page}: {written}");
    }
}

#[test]
fn a_folder_for_manual_pages_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let output = headstart().arg("man").arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("file") && message.lines().count() == 1, "{message}");
}
