//! Two agents share a ledger: what happened, who did it and what followed from what, in a file that can be proved.
//!
//! ```text
//! cargo run --example quickstart
//! ```

use std::time::Duration;

use causal_vault::{
    Anchor, Event, EventHeader, EventId, Filter, LogVerdict, PayloadDigest, SigningKey, StoreError, StoredEvent, Value,
    Vault,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Mint {
    to: String,
    amount: i64,
}

#[derive(Serialize, Deserialize)]
struct Spend {
    from: String,
    to: String,
    amount: i64,
    /// What was bought: the digest of a receipt too long to stand here.
    receipt: PayloadDigest,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("1. A vault is one file, and whoever writes to it is somebody.");
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("agents.vault");
    let vault = Vault::open(&file)?;
    let alice = vault.writer(SigningKey::from_bytes(&[7; 32]))?;
    let bob = vault.named_writer("bob")?;
    println!("   alice signs as {:.8}, bob has but a name: {:.8}", alice.id().to_hex(), bob.id().to_hex());

    println!("2. A subscriber hears of every commit to the scope it cares about, until its guard is dropped.");
    let guard = vault.subscribe(Filter::kind("ledger.*"), |header: &EventHeader| {
        println!("   heard {} at position {}, parents: {}", header.kind, header.position, header.parents.len());
    })?;

    println!("3. Events name the events that they follow, whoever wrote those.");
    let receipt = "1 x espresso, thank you; ".repeat(100);
    let digest = PayloadDigest::of(receipt.as_bytes());
    let mint = Mint { to: "bob".into(), amount: 5 };
    let mint = alice.commit(Event::new("ledger.mint", &mint)?.stream("ledger"))?;
    let spend = Spend { from: "bob".into(), to: "cafe".into(), amount: 2, receipt: digest };
    let spend = Event::new("ledger.spend", &spend)?.stream("ledger").attach(receipt.as_str()).parent(&mint);
    let spend = spend.id(EventId::new());
    let spent = bob.commit(spend.clone())?;

    println!("4. Retrying is safe: the same event again is the first one.");
    let again = bob.commit(spend)?;
    assert_eq!((again.hash, again.is_new), (spent.hash, false));
    println!("   bob was not sure that it went through, and it still stands once, at position {}", again.position);
    drop(guard);

    println!("5. The same bytes are stored once, and redeemed by their digest.");
    alice.commit(Event::new("audit.seen", &digest)?.stream("audit").attach(receipt.as_str()).parent(&spent))?;
    let stored = vault.backend().query("SELECT count(*), sum(length(bytes)) FROM vault_payload", &[])?;
    assert_eq!(stored, [[Value::Int(1), Value::Int(i64::try_from(receipt.len())?)]]);
    let redeemed = String::from_utf8(vault.payload(&digest)?)?;
    println!("   attached twice, stored once: {} bytes that begin {:?}", redeemed.len(), &redeemed[..23]);

    println!("6. A local view is a projection into a table of your own, exactly once.");
    vault.backend().exec("CREATE TABLE balance (name TEXT PRIMARY KEY, amount INTEGER NOT NULL) STRICT", &[])?;
    let mut cursor = vault.cursor("balances", Filter::stream("ledger"))?;
    for event in cursor.poll(100, Duration::ZERO)? {
        vault.transaction(|tx| {
            for (name, change) in changes(&event)? {
                let add = "INSERT INTO balance VALUES (?, ?) \
                           ON CONFLICT (name) DO UPDATE SET amount = amount + excluded.amount";
                tx.exec(add, &[Value::Text(name), Value::Int(change)])?;
            }
            cursor.ack_in(tx, &event)
        })?;
    }
    for row in vault.backend().query("SELECT name, amount FROM balance ORDER BY name", &[])? {
        if let [Value::Text(name), Value::Int(amount)] = &row[..] {
            println!("   {name} has {amount}");
        }
    }
    assert!(vault.cursor("balances", Filter::stream("ledger"))?.poll(100, Duration::ZERO)?.is_empty());

    println!("7. Why is the money gone? Ask for the ancestors.");
    for ancestor in vault.ancestors(&spent)? {
        let ancestor = ancestor?;
        println!("   {} by {:.8}", ancestor.kind, ancestor.writer_name);
    }

    println!("8. Everything can be proved, against a root that is kept where the file's owner cannot reach.");
    let anchor: Anchor = vault.tree_head()?.into();
    println!("   {}", vault.verify(&[anchor])?);
    drop((alice, bob, cursor, vault));

    println!("9. And whoever edits a row behind the vault's back is caught.");
    let forger = rusqlite::Connection::open(&file)?;
    let bribe = rmp_serde::to_vec_named(&Mint { to: "bob".into(), amount: 9 })?;
    forger.execute("UPDATE vault_entry SET payload = ? WHERE id = (SELECT min(id) FROM vault_entry)", [bribe])?;
    drop(forger);
    let report = Vault::open(&file)?.verify(&[anchor])?;
    let broken = report.logs.iter().find_map(|log| match &log.verdict {
        LogVerdict::Broken(broken) => Some(broken),
        _ => None,
    });
    let broken = broken.ok_or("nobody noticed that 5 became 9")?;
    println!(
        "   5 became 9, and the {} at position {} gives it away:",
        broken.rule,
        broken.position.unwrap_or_default()
    );
    println!("   found    {}\n   expected {}", broken.found, broken.expected);
    Ok(())
}

/// What an event of the ledger does to whose balance.
fn changes(event: &StoredEvent) -> Result<Vec<(String, i64)>, StoreError> {
    Ok(match &*event.header.kind {
        "ledger.mint" => {
            let Mint { to, amount } = event.decode()?;
            vec![(to, amount)]
        }
        "ledger.spend" => {
            let Spend { from, to, amount, .. } = event.decode()?;
            vec![(from, -amount), (to, amount)]
        }
        _ => Vec::new(),
    })
}
