//! What systems and programs leave among pictures.

/// Files and folders that nobody put there: wastebaskets, snapshots, thumbnails, settings. Those whose
/// names begin with a dot (`.Trashes`, `.thumbnails`, `.picasa.ini`) are hidden as such.
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

/// Whether files and folders of this name are passed over in silence, in folders and in archives: hidden
/// ones, and leftovers of systems in any case of letters.
pub(super) fn hidden(name: &[u8]) -> bool {
    name.starts_with(b".") || LEFTOVERS.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether files and folders of this name are passed over in silence when folders are listed.
pub fn is_hidden(name: &str) -> bool {
    hidden(name.as_bytes())
}
