//! `vault_payload`: payloads above the inline threshold and attachments, once for each digest and tenant.

use std::ops::ControlFlow;

use super::{Table, blob, int, prefix};
use crate::backend::{Sql, Value, columns};
use crate::causal::hash::PayloadDigest;
use crate::words::Result;

pub(crate) const TABLE: Table = Table {
    name: "vault_payload",
    schema: &[
        "CREATE TABLE vault_payload (\
         id INTEGER PRIMARY KEY, \
         tenant INTEGER NOT NULL, \
         prefix INTEGER NOT NULL, \
         digest BLOB NOT NULL, \
         bytes BLOB NOT NULL) STRICT",
        "CREATE INDEX vault_payload_prefix ON vault_payload (tenant, prefix)",
    ],
};

/// The number of a tenant's payload with this digest.
pub(crate) fn find<S: Sql + ?Sized>(sql: &S, tenant: u64, digest: &PayloadDigest) -> Result<Option<i64>> {
    sql.first(
        "SELECT id FROM vault_payload WHERE tenant = ? AND prefix = ? AND digest = ?",
        &[int(tenant), Value::Int(prefix(digest.as_bytes())), blob(digest.as_bytes())],
        |row| columns::int(row, 0),
    )
}

/// The number of the payload, and whether it was not there yet.
pub(crate) fn find_or_create<S: Sql + ?Sized>(
    sql: &S,
    tenant: u64,
    digest: &PayloadDigest,
    bytes: &[u8],
) -> Result<(i64, bool)> {
    if let Some(id) = find(sql, tenant, digest)? {
        return Ok((id, false));
    }
    let id = sql.insert_returning(
        TABLE.name,
        "INSERT INTO vault_payload (tenant, prefix, digest, bytes) VALUES (?, ?, ?, ?) RETURNING id",
        &[int(tenant), Value::Int(prefix(digest.as_bytes())), blob(digest.as_bytes()), blob(bytes)],
    )?;
    Ok((id, true))
}

/// The bytes of a payload.
pub(crate) fn read<S: Sql + ?Sized>(sql: &S, id: i64) -> Result<Option<Vec<u8>>> {
    sql.first("SELECT bytes FROM vault_payload WHERE id = ?", &[Value::Int(id)], |row| {
        columns::blob(row, 0).map(<[u8]>::to_vec)
    })
}

/// The stored digest and the length of a tenant's payload.
pub(crate) fn digest<S: Sql + ?Sized>(sql: &S, tenant: u64, id: i64) -> Result<Option<(PayloadDigest, u64)>> {
    let statement = "SELECT digest, length(bytes) FROM vault_payload WHERE id = ? AND tenant = ?";
    sql.first(statement, &[Value::Int(id), int(tenant)], |row| {
        Ok((PayloadDigest::from_bytes(columns::array(row, 0)?), columns::counter(row, 1)?))
    })
}

/// A stored payload.
pub(crate) struct Payload {
    pub(crate) id: i64,
    prefix: i64,
    pub(crate) digest: PayloadDigest,
    /// The digest of its bytes.
    pub(crate) computed: PayloadDigest,
}

impl Payload {
    /// Whether the index has it where it is sought.
    pub(crate) fn is_indexed(&self) -> bool {
        self.prefix == prefix(self.digest.as_bytes())
    }
}

/// In the order of the rows themselves: by way of the index, every byte would pass through a temporary file to be sorted.
const SCAN: &str = "SELECT id, prefix, digest, bytes FROM vault_payload WHERE +tenant = ? ORDER BY id";

/// Shows the bytes of every payload of a tenant.
pub(crate) fn visit<S: Sql + ?Sized>(sql: &S, tenant: u64, mut visit: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    sql.visit(SCAN, &[int(tenant)], &mut |row| {
        visit(columns::blob(row, 3)?)?;
        Ok(ControlFlow::Continue(()))
    })
}

/// Shows every payload of a tenant.
pub(crate) fn scan<S: Sql + ?Sized>(sql: &S, tenant: u64, mut visit: impl FnMut(Payload) -> Result<()>) -> Result<()> {
    sql.visit(SCAN, &[int(tenant)], &mut |row| {
        visit(Payload {
            id: columns::int(row, 0)?,
            prefix: columns::int(row, 1)?,
            digest: PayloadDigest::from_bytes(columns::array(row, 2)?),
            computed: PayloadDigest::of(columns::blob(row, 3)?),
        })?;
        Ok(ControlFlow::Continue(()))
    })
}

/// Stores where the index has a payload, from its digest.
pub(crate) fn reindex<S: Sql + ?Sized>(sql: &S, id: i64, digest: &PayloadDigest) -> Result<()> {
    let statement = "UPDATE vault_payload SET prefix = ? WHERE id = ?";
    sql.exec_one(TABLE.name, statement, &[Value::Int(prefix(digest.as_bytes())), Value::Int(id)])
}

/// How many of a tenant's payloads the index leads to.
pub(crate) fn indexed<S: Sql + ?Sized>(sql: &S, tenant: u64) -> Result<u64> {
    sql.first("SELECT count(*) FROM vault_payload WHERE tenant = ?", &[int(tenant)], |row| columns::counter(row, 0))
        .map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Backend, SqliteBackend};

    #[test]
    fn payloads_are_scanned_without_being_sorted() {
        let db = SqliteBackend::in_memory().unwrap();
        for statement in TABLE.schema {
            db.exec(statement, &[]).unwrap();
        }
        let plan = db.query(&format!("EXPLAIN QUERY PLAN {SCAN}"), &[int(1)]).unwrap();
        assert!(!format!("{plan:?}").contains("TEMP B-TREE"), "{plan:?}");
    }
}
