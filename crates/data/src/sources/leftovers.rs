//! Leftovers of operating systems and programs among pictures.

/// Files and folders created by the system: recycle bins, snapshots, thumbnails, settings. Those whose names start with
/// a dot (`.Trashes`, `.thumbnails`, `.picasa.ini`) are hidden anyway.
const LEFTOVERS: [&[u8]; 15] = [
    // Windows.
    b"$RECYCLE.BIN",
    b"System Volume Information",
    b"Thumbs.db",
    b"ehthumbs.db",
    b"desktop.ini",
    // macOS, in archives and on shared disks.
    b"__MACOSX",
    b"Network Trash Folder",
    // Linux.
    b"lost+found",
    // Network storage: Synology, QNAP, NetApp.
    b"@eaDir",
    b"#recycle",
    b"#snapshot",
    b"@Recycle",
    b"@Recently-Snapshot",
    b"~snapshot",
    // Picasa.
    b"Picasa.ini",
];

/// Whether files and folders of this name are silently ignored, in folders and in archives: hidden ones, and leftovers
/// of systems, compared without case.
pub(super) fn hidden(name: &[u8]) -> bool {
    name.starts_with(b".") || LEFTOVERS.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether files and folders of this name are silently ignored when folders are listed.
pub fn is_hidden(name: &str) -> bool {
    hidden(name.as_bytes())
}
