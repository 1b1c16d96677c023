//! Moves files and folders, but never overwrites anything.

use std::fs;
use std::io;
use std::path::Path;

/// Moves a file or a folder to a path that must not exist yet.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if it does; other errors of the system.
pub(crate) fn move_to_free(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // Not all file systems support this.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            done => return done.map_err(Into::into),
        }
    }
    // Another program may create the path between the check and the move; the studio itself does not.
    match to.symlink_metadata() {
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(from, to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_moved_over_anything() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), "a").expect("room");
        fs::write(path("b"), "b").expect("room");
        fs::create_dir(path("c")).expect("room");
        for to in ["b", "c"] {
            let error = move_to_free(&path("a"), &path(to)).expect_err("something is there");
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "{to}");
        }
        assert_eq!(fs::read_to_string(path("b")).expect("it is there"), "b");
        move_to_free(&path("a"), &path("d")).expect("nothing is there");
        move_to_free(&path("c"), &path("e")).expect("nothing is there");
        assert_eq!(fs::read_to_string(path("d")).expect("it is there"), "a");
        let gone = move_to_free(&path("a"), &path("f")).expect_err("it is gone");
        assert_eq!(gone.kind(), io::ErrorKind::NotFound);
    }
}
