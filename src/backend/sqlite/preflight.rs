//! What is looked at before a vault may live in a database.

use std::path::Path;

use rusqlite::Connection;

use super::errors;
use super::options::Place;
use crate::words::{Result, StoreError};

/// The oldest SQLite whose WAL cannot be corrupted by a reset at the wrong moment: 3.51.3.
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// `application_id` of a file that a vault created: "CVLT".
pub(crate) const APPLICATION_ID: i32 = 0x4356_4c54;

/// The engine and the connection: a recent SQLite, writable, in WAL mode if on disk, with a flush setting that keeps
/// what it promises.
pub(super) fn check(conn: &Connection, place: &Place) -> Result<()> {
    let refused = |reason: String| StoreError::FileRefused { path: place.name(), reason };
    let version = rusqlite::version_number();
    if version < SQLITE_VERSION_MIN {
        return Err(StoreError::Unsupported {
            what: "this SQLite",
            reason: format!("it is {}, which can corrupt a WAL; link 3.51.3 or newer", rusqlite::version()),
        });
    }
    let explain = |error| errors::explain(conn, &place.name(), error);
    if conn.is_readonly("main").map_err(explain)? {
        return Err(refused("it can only be read; check the permissions of the file and its folder".to_owned()));
    }
    // In memory the path is empty. It is absent where it is not UTF-8, which is a file nevertheless.
    if matches!(place, Place::Memory(_)) || conn.path().is_some_and(str::is_empty) {
        return Ok(());
    }
    let journal: String = conn.query_row("PRAGMA journal_mode", [], |row| row.get(0)).map_err(explain)?;
    if journal != "wal" {
        return Err(refused(format!(
            "its journal mode is {journal:?} and a vault needs \"wal\"; run PRAGMA journal_mode=WAL on a local disk"
        )));
    }
    let synchronous: i64 = conn.query_row("PRAGMA synchronous", [], |row| row.get(0)).map_err(explain)?;
    if synchronous == 0 {
        return Err(refused(
            "its connection has synchronous=OFF, which keeps no promise when the power fails; set it to FULL"
                .to_owned(),
        ));
    }
    Ok(())
}

/// The file is not marked as another application's.
pub(super) fn application(conn: &Connection, place: &Place) -> Result<()> {
    let id: i32 = conn
        .query_row("PRAGMA application_id", [], |row| row.get(0))
        .map_err(|error| errors::explain(conn, &place.name(), error))?;
    if id == 0 || id == APPLICATION_ID {
        return Ok(());
    }
    Err(StoreError::FileRefused {
        path: place.name(),
        reason: format!(
            "its application_id is {id:#010x}, which marks it as another application's; use a file of your own, or \
             allow a foreign application explicitly"
        ),
    })
}

/// The file, or the folder it will be created in, lies on a local disk. Known on Linux only.
pub(super) fn local_disk(path: &Path) -> Result<()> {
    #[cfg(target_os = "linux")]
    {
        let probe = if path.exists() { Some(path) } else { path.parent() };
        if let Some(Ok(stat)) = probe.map(rustix::fs::statfs) {
            // The kernel's magic numbers fit in 32 bits whatever the width of the field.
            let magic = u64::try_from(stat.f_type).unwrap_or(0) & 0xffff_ffff;
            if let Some(kind) = network_file_system(magic) {
                return Err(StoreError::NetworkFileSystem { path: path.display().to_string(), kind: kind.to_owned() });
            }
        }
    }
    let _ = path;
    Ok(())
}

/// Names the network file systems of `linux/magic.h` and of the kernel's own headers.
#[cfg(target_os = "linux")]
fn network_file_system(magic: u64) -> Option<&'static str> {
    Some(match magic {
        0x6969 => "NFS",
        0x517b => "SMB",
        0xff53_4d42 => "CIFS",
        0xfe53_4d42 => "SMB2",
        0x0102_1997 => "9P",
        0x5346_414f | 0x6b41_4653 => "AFS",
        0x7375_7245 => "Coda",
        0x00c3_6400 => "Ceph",
        0x0bd0_0bd0 => "Lustre",
        0x564c => "NCP",
        0x0116_1970 => "GFS2",
        0x7461_636f => "OCFS2",
        0x4750_4653 => "GPFS",
        _ => return None,
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_known_by_their_magic_number_and_local_ones_are_not_among_them() {
        assert_eq!(network_file_system(0x6969), Some("NFS"));
        assert_eq!(network_file_system(0xff53_4d42), Some("CIFS"));
        for local in [0xef53_u64, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630] {
            assert_eq!(network_file_system(local), None);
        }
    }
}
