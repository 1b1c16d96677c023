//! Files that are written completely or not at all.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::FileError;

/// A new file under a temporary name beside its destination.
///
/// [`AtomicFile::commit`] replaces the regular file at the destination, if any; dropped before that, the new file is
/// deleted and the destination unchanged. It has the default permissions of new files. If the path is a symbolic link,
/// its target is replaced and the link stays. Anything other than a regular file (a folder, a device, a pipe) is never
/// replaced.
#[derive(Debug)]
pub struct AtomicFile {
    temporary: NamedTempFile,
    /// As given by the caller, for error messages.
    path: PathBuf,
    /// The same with links followed.
    target: PathBuf,
}

impl AtomicFile {
    /// Creates a temporary file for the destination `path`.
    ///
    /// # Errors
    /// [`FileError`], naming `path`, when the destination is not a regular file, its folder does not exist, or it is
    /// not writable.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, FileError> {
        let path = path.as_ref();
        let begin = || {
            let target = target_of(path)?;
            Ok((temporary_beside(&target)?, target))
        };
        let (temporary, target) = begin().map_err(|cause| write_error(path, cause))?;
        Ok(Self { temporary, path: path.to_owned(), target })
    }

    /// The path given by the caller.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a second handle, for a writer that needs its own [`File`]. It has a separate position, starting at 0; its
    /// buffers must be flushed before [`AtomicFile::commit`].
    ///
    /// # Errors
    /// [`FileError`], naming the path.
    pub fn reopen(&self) -> Result<File, FileError> {
        self.temporary.reopen().map_err(|cause| self.error(cause))
    }

    /// Syncs the content to disk and moves the file to its destination.
    ///
    /// # Errors
    /// [`FileError`], naming the path, in which case the destination is unchanged.
    pub fn commit(self) -> Result<(), FileError> {
        let Self { temporary, path, target } = self;
        let finish = || {
            temporary.as_file().sync_all()?;
            temporary.persist(&target).map_err(|failed| failed.error)?;
            // Makes the name survive a power failure, too; not every file system supports that.
            #[cfg(unix)]
            let _ = File::open(folder_of(&target)).and_then(|folder| folder.sync_all());
            Ok(())
        };
        finish().map_err(|cause| write_error(&path, cause))
    }

    /// An error in writing, with the path.
    pub fn error(&self, cause: io::Error) -> FileError {
        write_error(&self.path, cause)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.temporary.as_file_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temporary.as_file_mut().flush()
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.temporary.as_file_mut().seek(to)
    }
}

/// Checks whether [`AtomicFile::create`] would succeed, before hours of work. Leaves no file.
///
/// # Errors
/// As for [`AtomicFile::create`].
pub fn check_writable(path: impl AsRef<Path>) -> Result<(), FileError> {
    AtomicFile::create(path).map(drop)
}

fn write_error(path: &Path, cause: io::Error) -> FileError {
    FileError { action: "write", path: path.to_owned(), cause }
}

/// The regular file that `path` is or links to, which may not exist.
fn target_of(path: &Path) -> io::Result<PathBuf> {
    let refuse = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, what.to_owned()));
    match fs::metadata(path) {
        // Only the end of a link shows the folder for the temporary file.
        Ok(metadata) if metadata.is_file() => match fs::symlink_metadata(path)?.is_symlink() {
            true => fs::canonicalize(path),
            false => Ok(path.to_owned()),
        },
        Ok(metadata) if metadata.is_dir() => refuse("it is a folder; name the file to write"),
        Ok(metadata) => {
            refuse(&format!("it is {}, which a file must not replace", kind(&metadata)))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let names_a_file = path.file_name().is_some()
                && !path.as_os_str().to_string_lossy().ends_with(std::path::is_separator);
            if !names_a_file {
                return refuse("there is no such folder, and no name of a file");
            }
            end_of_links(path)
        }
        Err(e) => Err(e),
    }
}

/// Follows links to a file that does not exist yet.
fn end_of_links(path: &Path) -> io::Result<PathBuf> {
    // The same limit as in Linux.
    const MOST: usize = 40;
    let mut target = path.to_owned();
    for _ in 0..MOST {
        match fs::read_link(&target) {
            Ok(next) => target = folder_of(&target).join(next),
            Err(_) => return Ok(target),
        }
    }
    Err(io::Error::other("too many symbolic links lead from one to the next"))
}

#[cfg(unix)]
fn kind(metadata: &fs::Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
fn kind(_: &fs::Metadata) -> &'static str {
    "no regular file"
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

fn temporary_beside(target: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".headstart-").suffix(".tmp");
    // The default permissions of new files: readable by everyone, as far as the umask permits.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder_of(target)).map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            return io::Error::new(error.kind(), "there is no such folder");
        }
        // The temporary name would only distract in the message; the system's own error is the source of the one that
        // contains it.
        let below = error.get_ref().and_then(|named| named.source());
        let number = below.and_then(|e| e.downcast_ref::<io::Error>()?.raw_os_error());
        number.map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, content: &str) -> Result<(), FileError> {
        let mut file = AtomicFile::create(path)?;
        file.write_all(content.as_bytes()).unwrap();
        file.commit()
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_not_committed_leaves_the_file_as_it_was_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, "before").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"after").unwrap();
        file.seek(SeekFrom::Start(1)).unwrap();
        drop(file);
        check_writable(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
        write(&path, "after").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "after");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_second_handle_writes_to_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let file = AtomicFile::create(&path).unwrap();
        let mut handle = file.reopen().unwrap();
        handle.write_all(b"content").unwrap();
        file.commit().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "content");
    }

    #[test]
    fn folders_and_names_that_are_none_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (path, says) in [
            (folder.path().to_owned(), "it is a folder; name the file to write"),
            (folder.path().join("no/such/file"), "there is no such folder"),
            (folder.path().join("new/"), "there is no such folder, and no name of a file"),
        ] {
            for error in [check_writable(&path).unwrap_err(), write(&path, "").unwrap_err()] {
                assert_eq!(error.to_string(), format!("cannot write {}: {says}", path.display()));
                assert!(std::error::Error::source(&error).is_none(), "the cause would be repeated");
            }
        }
        assert!(names(folder.path()).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_and_the_file_that_it_leads_to_is_replaced() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("far")).unwrap();
        let path = |name: &str| folder.path().join(name);
        // To a file, to a link to a file, and to a missing file.
        fs::write(path("far/file"), "before").unwrap();
        symlink("far/file", path("link")).unwrap();
        symlink("link", path("links")).unwrap();
        symlink("far/new", path("dangling")).unwrap();
        for (link, file) in [("link", "far/file"), ("links", "far/file"), ("dangling", "far/new")] {
            write(&path(link), link).unwrap();
            assert_eq!(fs::read_to_string(path(file)).unwrap(), link);
            assert!(fs::symlink_metadata(path(link)).unwrap().is_symlink());
        }
        symlink("loop", path("loop")).unwrap();
        assert!(check_writable(path("loop")).is_err());
        assert_eq!(names(folder.path()), ["dangling", "far", "link", "links", "loop"]);
        assert_eq!(names(&path("far")), ["file", "new"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_device_a_socket_and_links_to_them_are_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        std::os::unix::fs::symlink("/dev/null", path("null")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(path("pipe")).status();
        let mut cases = vec![("socket", "a socket"), ("null", "a device")];
        if made.is_ok_and(|status| status.success()) {
            cases.push(("pipe", "a pipe"));
        }
        for (name, what) in cases {
            let error = write(&path(name), "").unwrap_err().to_string();
            assert!(
                error.ends_with(&format!("it is {what}, which a file must not replace")),
                "{error}"
            );
            assert!(!fs::metadata(path(name)).unwrap().is_file());
        }
        assert!(write(Path::new("/dev/null"), "").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_has_the_permissions_of_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        write(&path("ours"), "").unwrap();
        fs::write(path("plain"), "").unwrap();
        let mode = |name: &str| fs::metadata(path(name)).unwrap().permissions().mode();
        assert_eq!(mode("ours"), mode("plain"));
    }
}
