//! Flags that Dask has and rask does not offer yet: each is refused by name, with the nearest thing that works.

use std::ffi::OsString;

use crate::exit::Failure;

/// A flag (or the beginning of several), and what to do instead.
const NOT_OFFERED: &[(&str, &str)] = &[
    ("--tls-", "links are not encrypted yet; every link is authenticated by the cluster's secret"),
    ("--scheduler-sni", "links are not encrypted yet"),
    ("--preload", "import what a worker needs in the first task, or with client.run(...)"),
    ("--jupyter", "start a notebook beside the scheduler"),
    ("--dashboard-prefix", "the dashboard is served at the root of --dashboard-address"),
    ("--idle-timeout", "end the scheduler with client.shutdown(), or with a signal"),
    ("--lifetime", "end the worker with a signal when its time is over; its tasks go elsewhere"),
    ("--worker-class", "all workers are alike"),
    ("--contact-address", "--host says where to listen and what others are told"),
    ("--nanny-port", "a nanny listens nowhere"),
];

/// Refuses what is not offered.
pub(crate) fn check(args: &[OsString]) -> Result<(), Failure> {
    for arg in args.iter().skip(1).filter_map(|arg| arg.to_str()).take_while(|arg| *arg != "--") {
        let known = NOT_OFFERED.iter().find(|(flag, _)| arg.starts_with(flag));
        if let Some((_, instead)) = known {
            let flag = arg.split('=').next().unwrap_or(arg);
            return Err(Failure::usage(format!("{flag} is not offered yet: {instead}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &str) -> Option<String> {
        let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        check(&args).err().map(|failure| failure.text)
    }

    #[test]
    fn what_is_not_offered_is_named_with_the_nearest_thing() {
        for (line, flag) in [
            ("rask scheduler --tls-key k.pem", "--tls-key"),
            ("rask worker h:1 --preload=mine", "--preload"),
            ("rask worker h:1 --lifetime-stagger 3", "--lifetime-stagger"),
        ] {
            let text = refused(line).unwrap_or_default();
            assert!(text.starts_with(&format!("{flag} is not offered yet: ")), "{line}: {text}");
        }
        assert_eq!(refused("rask worker h:1 --nthreads 2 --name --tls"), None);
        assert_eq!(refused("rask worker -- --preload"), None);
    }
}
