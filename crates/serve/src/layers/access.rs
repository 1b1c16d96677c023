//! Access by the server's host name, and by token.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::Response;

use crate::{Auth, Failure, ServeConfig};

/// The host names of the server.
///
/// The check refuses pages of other origins whose host name has been made to resolve to this server (DNS
/// rebinding). IP addresses cannot be redirected like that, so all of them are accepted.
#[derive(Debug)]
pub(super) struct Hosts(Vec<String>);

/// The hash of a token. Comparing hashes takes the same time whatever token is sent.
#[derive(Clone, Debug)]
pub(super) struct Token(blake3::Hash);

impl Hosts {
    pub(super) fn of(config: &ServeConfig) -> Self {
        Self(config.hosts.iter().map(|host| host.to_ascii_lowercase()).collect())
    }

    fn check(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), Failure> {
        let mut hosts = headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Err(Failure::bad_request("a request has one Host header"));
        };
        let host = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
        let host = host.ok_or_else(|| Failure::bad_request("the Host header is no host"))?;
        // A request line may contain a host, too, which then takes precedence.
        let host = uri.authority().unwrap_or(&host).host().to_ascii_lowercase();
        let name = host.trim_end_matches('.');
        let address =
            name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        let is_known = name == "localhost" || self.0.iter().any(|known| known == name);
        if is_known || address.parse::<IpAddr>().is_ok() {
            return Ok(());
        }
        let message = format!(
            "this server is not addressed as {name}: it must be told that this is its name"
        );
        Err(Failure::new(StatusCode::MISDIRECTED_REQUEST, "other_host", message))
    }
}

pub(super) async fn check_host(
    State(hosts): State<Arc<Hosts>>,
    request: Request,
    next: Next,
) -> Result<Response, Failure> {
    hosts.check(request.headers(), request.uri())?;
    Ok(next.run(request).await)
}

impl Token {
    pub(super) fn of(auth: &Auth) -> Option<Self> {
        match auth {
            Auth::Token(token) => Some(Self(blake3::hash(token.as_bytes()))),
            Auth::Loopback | Auth::Session { .. } | Auth::Nobody => None,
        }
    }

    fn check(&self, headers: &HeaderMap) -> Result<(), Failure> {
        let refused =
            |message: &'static str| Failure::new(StatusCode::UNAUTHORIZED, "unauthorized", message);
        let sent = headers.get(AUTHORIZATION);
        let sent =
            sent.ok_or_else(|| refused("a token is needed: send Authorization: Bearer TOKEN"))?;
        let (scheme, token) = sent.as_bytes().split_at(sent.len().min(7));
        // Comparing hashes takes the same time whatever their values.
        match scheme.eq_ignore_ascii_case(b"bearer ") && blake3::hash(token.trim_ascii()) == self.0
        {
            true => Ok(()),
            false => Err(refused("the token is wrong")),
        }
    }
}

pub(super) async fn check_token(
    State(token): State<Token>,
    request: Request,
    next: Next,
) -> Result<Response, Failure> {
    token.check(request.headers())?;
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(all: &[(axum::http::HeaderName, &str)]) -> HeaderMap {
        let all = all
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).expect("a value")));
        let mut headers = HeaderMap::new();
        all.for_each(|(name, value)| {
            headers.append(name, value);
        });
        headers
    }

    #[test]
    fn a_server_is_addressed_by_address_by_localhost_and_by_its_names() {
        let hosts = Hosts(vec!["cats.example".to_owned()]);
        let status = |host: &[&str], uri: &str| {
            let host: Vec<_> = host.iter().map(|host| (HOST, *host)).collect();
            let checked = hosts.check(&headers(&host), &uri.parse().expect("a URI"));
            checked.map_or_else(|failure| failure.status.as_u16(), |()| 200)
        };
        for (host, expected) in [
            ("localhost", 200),
            ("LOCALHOST:8000", 200),
            ("127.0.0.1:8000", 200),
            ("192.168.1.7", 200),
            ("[::1]:8000", 200),
            ("cats.example:80", 200),
            ("Cats.Example.", 200),
            ("dogs.example", 421),
            ("localhost.example", 421),
            ("127.0.0.1.example:8000", 421),
            ("127.0.0.1@example", 421),
            ("a b", 400),
            ("", 400),
        ] {
            assert_eq!(status(&[host], "/predict"), expected, "{host}");
        }
        assert_eq!(status(&[], "/"), 400);
        assert_eq!(status(&["localhost", "dogs.example"], "/"), 400);
        assert_eq!(status(&["localhost"], "http://dogs.example/predict"), 421);
        assert_eq!(status(&["localhost"], "http://127.0.0.1:1/predict"), 200);
    }

    #[test]
    fn only_the_very_token_is_taken() {
        let token = Token::of(&Auth::Token("s3cret".to_owned())).expect("a token");
        let is_taken = |value: &str| token.check(&headers(&[(AUTHORIZATION, value)])).is_ok();
        for value in ["Bearer s3cret", "bearer s3cret", "Bearer  s3cret"] {
            assert!(is_taken(value), "{value}");
        }
        for value in
            ["Bearer s3creT", "Bearer s3cret2", "Bearer", "Bearer ", "s3cret", "Basic s3cret", ""]
        {
            assert!(!is_taken(value), "{value}");
        }
        let missing = token.check(&HeaderMap::new()).expect_err("it is missing");
        assert_eq!(missing.status, StatusCode::UNAUTHORIZED);
        assert!(missing.message.contains("Bearer TOKEN"));
        assert!(Token::of(&Auth::Loopback).is_none() && Token::of(&Auth::Nobody).is_none());
    }
}
