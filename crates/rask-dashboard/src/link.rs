//! The link as users are told it: where browsers find the dashboard, which a proxy may show elsewhere than it is served.

/// The link for browsers, with the token of `served`, the link to where the dashboard itself is served.
///
/// `template` is the setting `distributed.dashboard.link`, such as `{JUPYTERHUB_SERVICE_PREFIX}proxy/{port}/status`. Names in
/// braces are `scheme`, `host` and `port` of where it is served, and what `variable` knows: environment variables. `{{` is a brace. Without a template it is `served` itself.
///
/// # Errors
/// If the template names something else, or has a brace too many; what is wrong with the setting.
pub fn told_link(
    served: &str,
    template: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<String, String> {
    let parts = served.split_once("://").and_then(|(scheme, rest)| {
        let (place, rest) = rest.split_once('/')?;
        let (host, port) = place.rsplit_once(':')?;
        Some((scheme, host, port, rest.split_once("token=").map_or("", |(_, token)| token)))
    });
    let Some((scheme, host, port, token)) = parts.filter(|_| !template.is_empty()) else {
        return Ok(served.to_owned());
    };
    let link = filled(template, |name| match name {
        "scheme" => Some(scheme.to_owned()),
        "host" => Some(host.to_owned()),
        "port" => Some(port.to_owned()),
        _ => variable(name),
    })
    .map_err(|why| format!("the setting distributed.dashboard.link is {template:?}, {why}"))?;
    let joint = if link.contains('?') { '&' } else { '?' };
    Ok(if token.is_empty() { link } else { format!("{link}{joint}token={token}") })
}

fn filled(template: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        if after.starts_with("{{") || after.starts_with("}}") {
            out.push_str(&after[..1]);
            rest = &after[2..];
            continue;
        }
        let name = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let Some((name, behind)) = name else {
            return Err(format!("where a {:?} stands alone", &after[..1]));
        };
        let Some(text) = value(name) else {
            return Err(format!(
                "and {name} is neither scheme, host or port nor an environment variable here"
            ));
        };
        out.push_str(&text);
        rest = behind;
    }
    Ok(out + rest)
}

#[cfg(test)]
mod tests {
    use super::told_link;

    const SERVED: &str = "http://127.0.0.1:8787/status?token=0a1b";

    fn told(served: &str, template: &str) -> Result<String, String> {
        let known = |name: &str| (name == "JUPYTERHUB_SERVICE_PREFIX").then(|| "/user/alice/".to_owned());
        told_link(served, template, known)
    }

    #[test]
    fn a_template_is_filled_and_gets_the_token() {
        for (template, expected) in [
            ("{scheme}://{host}:{port}/status", SERVED),
            ("{JUPYTERHUB_SERVICE_PREFIX}proxy/{port}/status", "/user/alice/proxy/8787/status?token=0a1b"),
            ("https://hub.example/x?a=b", "https://hub.example/x?a=b&token=0a1b"),
            ("/{{{host}}}/status", "/{127.0.0.1}/status?token=0a1b"),
            ("", SERVED),
        ] {
            assert_eq!(told(SERVED, template).as_deref(), Ok(expected), "{template}");
        }
        let six = "http://[fe80::1]:8787/status?token=0a1b";
        assert_eq!(told(six, "{scheme}://{host}:{port}/status").as_deref(), Ok(six));
        assert_eq!(told("http://a:1/status", "/{port}").as_deref(), Ok("/1"));
        assert_eq!(told("", "/{port}").as_deref(), Ok(""), "no dashboard");
    }

    #[test]
    fn a_template_that_cannot_be_filled_says_why() {
        for (template, why) in [
            ("/user/{JUPYTERHUB_USER}/{port}", "JUPYTERHUB_USER is neither"),
            ("/{}/", " is neither"),
            ("/{port", "\"{\" stands alone"),
            ("/port}", "\"}\" stands alone"),
        ] {
            let error = told(SERVED, template).unwrap_err();
            assert!(error.contains(why) && error.contains("distributed.dashboard.link"), "{error}");
        }
    }
}
