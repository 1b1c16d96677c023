//! The system's programs for fetching files.

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A program that fetches files, and its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    kind: Kind,
    path: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Curl,
    Wget,
    /// Supports neither offsets nor a number of tries.
    BusyboxWget,
    PowerShell,
}

/// How a run of a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// All data was received.
    Whole,
    /// The server cannot continue from the middle of a file.
    FromTheStart,
    /// The server answered with an error status.
    Status(u16),
    /// Any other failure: name resolution, connection, certificates.
    Broken(String),
}

/// Timeout for connecting, in seconds.
const CONNECT: &str = "20";
/// Timeout without progress on a connection, in seconds.
const STALL: &str = "30";
/// Maximum number of redirects.
const REDIRECTS: &str = "10";

impl Program {
    /// The first of curl, wget and PowerShell on the `PATH`.
    pub fn find() -> Option<Self> {
        Self::find_in(&env::var_os("PATH")?)
    }

    /// [`find`](Self::find) with a given `PATH`.
    pub fn find_in(path: &OsStr) -> Option<Self> {
        let names = [
            ("curl", Kind::Curl),
            ("wget", Kind::Wget),
            ("pwsh", Kind::PowerShell),
            ("powershell", Kind::PowerShell),
        ];
        names.into_iter().find_map(|(name, kind)| {
            let name = format!("{name}{}", env::consts::EXE_SUFFIX);
            let path = env::split_paths(path).map(|dir| dir.join(&name)).find(|at| at.is_file())?;
            let kind = if kind == Kind::Wget { Self::wget(&path) } else { kind };
            Some(Self { kind, path })
        })
    }

    fn wget(path: &PathBuf) -> Kind {
        let asked = Command::new(path).arg("--version").stdin(Stdio::null()).output();
        let is_gnu = asked.is_ok_and(|said| said.stdout.starts_with(b"GNU Wget"));
        if is_gnu { Kind::Wget } else { Kind::BusyboxWget }
    }

    /// The program's usual name.
    pub fn name(&self) -> &'static str {
        match self.kind {
            Kind::Curl => "curl",
            Kind::Wget | Kind::BusyboxWget => "wget",
            Kind::PowerShell => "PowerShell",
        }
    }

    /// Whether it can continue from the middle of a file.
    pub(crate) fn resumes(&self) -> bool {
        self.kind != Kind::BusyboxWget
    }

    /// The command that writes the file from byte `offset` on to its standard output, and errors to standard error.
    pub(crate) fn command(&self, url: &str, offset: u64) -> Command {
        let mut command = Command::new(&self.path);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Error messages are parsed, so they must not be localised.
        command.env("LC_ALL", "C");
        match self.kind {
            Kind::Curl => {
                command.args(["--silent", "--show-error", "--fail", "--globoff", "--location"]);
                command.args(["--max-redirs", REDIRECTS, "--connect-timeout", CONNECT]);
                command.args(["--speed-limit", "1", "--speed-time", STALL]);
                // A redirect must not lead from https to http.
                let protocols = if url.starts_with("https:") { "=https" } else { "=http,https" };
                command.args(["--proto", protocols, "--proto-redir", protocols]);
                if offset > 0 {
                    command.args(["--continue-at", &offset.to_string()]);
                }
                command.args(["--output", "-", "--url", url]);
            }
            Kind::Wget => {
                command.args(["--no-verbose", "--tries=1", "--output-document=-"]);
                command.arg(format!("--max-redirect={REDIRECTS}"));
                command.arg(format!("--connect-timeout={CONNECT}"));
                command.arg(format!("--read-timeout={STALL}"));
                if offset > 0 {
                    command.arg(format!("--start-pos={offset}"));
                }
                command.arg(url);
            }
            Kind::BusyboxWget => {
                command.args(["-q", "-T", STALL, "-O", "-", url]);
            }
            Kind::PowerShell => {
                command.args(["-NoProfile", "-NonInteractive", "-Command", POWERSHELL]);
                command.env("HEADSTART_URL", url).env("HEADSTART_OFFSET", offset.to_string());
            }
        }
        command
    }

    /// Interprets an exit status and the output on standard error.
    pub(crate) fn end(&self, code: Option<i32>, said: &str) -> End {
        let reason = || reason(said, self.name(), code);
        match (self.kind, code) {
            (_, Some(0)) => End::Whole,
            // curl's `CURLE_RANGE_ERROR`; our PowerShell script uses the same number.
            (Kind::Curl | Kind::PowerShell, Some(33)) => End::FromTheStart,
            (Kind::Curl, Some(22))
            | (Kind::Wget, Some(8))
            | (Kind::BusyboxWget | Kind::PowerShell, Some(1)) => match status(said) {
                Some(416) => End::FromTheStart,
                Some(status) => End::Status(status),
                None => End::Broken(reason()),
            },
            _ => End::Broken(reason()),
        }
    }
}

/// A PowerShell script that writes a file to standard output.
const POWERSHELL: &str = "try { \
    [Net.ServicePointManager]::SecurityProtocol = 'Tls12'; \
    $offset = [long]$env:HEADSTART_OFFSET; \
    $request = [Net.WebRequest]::CreateHttp($env:HEADSTART_URL); \
    $request.Timeout = 20000; $request.ReadWriteTimeout = 30000; \
    if ($offset -gt 0) { $request.AddRange($offset) }; \
    $answer = $request.GetResponse(); \
    if ($offset -gt 0 -and [int]$answer.StatusCode -ne 206) { exit 33 }; \
    $answer.GetResponseStream().CopyTo([Console]::OpenStandardOutput()); exit 0 \
    } catch { [Console]::Error.WriteLine($_.Exception.GetBaseException().Message); exit 1 }";

/// The HTTP error status in a program's output: the last number that can be one.
fn status(said: &str) -> Option<u16> {
    let numbers = said.split(|c: char| !c.is_ascii_digit()).filter(|number| number.len() == 3);
    numbers.filter_map(|number| number.parse().ok()).rfind(|status| (400..600).contains(status))
}

/// A program's last line of output, without its own name and error number.
fn reason(said: &str, name: &str, code: Option<i32>) -> String {
    let mut lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    let Some(line) = lines.next_back() else {
        return match code {
            Some(4) if name == "wget" => "the connection failed or broke".to_owned(),
            Some(code) => format!("{name} ended with status {code}"),
            None => format!("{name} was ended"),
        };
    };
    let line = line.strip_prefix(&format!("{name}: ")).unwrap_or(line);
    match line.strip_prefix('(').and_then(|rest| rest.split_once(") ")) {
        Some((number, rest)) if number.bytes().all(|b| b.is_ascii_digit()) => rest.to_owned(),
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_says_is_understood() {
        let program = |kind| Program { kind, path: PathBuf::new() };
        let broken = |reason: &str| End::Broken(reason.to_owned());
        for (kind, code, said, end) in [
            (Kind::Curl, 0, "", End::Whole),
            (
                Kind::Curl,
                22,
                "curl: (22) The requested URL returned error: 404\n",
                End::Status(404),
            ),
            (
                Kind::Curl,
                22,
                "curl: (22) The requested URL returned error: 416\n",
                End::FromTheStart,
            ),
            (
                Kind::Curl,
                33,
                "curl: (33) HTTP server doesn't seem to support byte ranges. Cannot resume.\n",
                End::FromTheStart,
            ),
            (
                Kind::Curl,
                6,
                "curl: (6) Could not resolve host: example.org\n",
                broken("Could not resolve host: example.org"),
            ),
            (Kind::Curl, 7, "", broken("curl ended with status 7")),
            (
                Kind::Wget,
                8,
                "http://localhost:4404/500:\n2026-11-29 15:32:12 ERROR 503: Busy.\n",
                End::Status(503),
            ),
            (Kind::Wget, 4, "\n", broken("the connection failed or broke")),
            (
                Kind::Wget,
                4,
                "wget: unable to resolve host address 'example.org'\n",
                broken("unable to resolve host address 'example.org'"),
            ),
            (
                Kind::BusyboxWget,
                1,
                "wget: server returned error: HTTP/1.1 404 Not Found\n",
                End::Status(404),
            ),
            (Kind::BusyboxWget, 1, "wget: bad address 'x'\n", broken("bad address 'x'")),
            (
                Kind::PowerShell,
                1,
                "The remote server returned an error: (403) Forbidden.\n",
                End::Status(403),
            ),
        ] {
            assert_eq!(program(kind).end(Some(code), said), end, "{kind:?} {code} {said}");
        }
        assert_eq!(program(Kind::Curl).end(None, ""), broken("curl was ended"));
    }

    #[test]
    fn a_folder_without_programs_has_none() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Program::find_in(folder.path().as_os_str()), None);
        assert_eq!(Program::find_in(OsStr::new("")), None);
    }
}
