//! The values of embeddings, which stand beside the entries that have their digests.

use causal_vault::ChainRule::*;

use super::Caught::By;
use super::PlainEdit::Absent;
use super::scene::sql;
use super::{Attack, run};

const NONE: super::PlainEdit = Absent("it has no embeddings");

#[test]
fn an_embedding_that_is_not_the_entrys_is_caught() {
    run(&[
        Attack {
            name: "other values of an embedding",
            edit: |conn| sql(conn, "UPDATE vault_embedding SET vector = x'0000803f00000041' WHERE id = (1<<40)+8"),
            caught: By(Embedding),
            plain: NONE,
        },
        Attack {
            name: "fewer values of an embedding",
            edit: |conn| sql(conn, "UPDATE vault_embedding SET vector = x'0000803f' WHERE id = (1<<40)+8"),
            caught: By(Embedding),
            plain: NONE,
        },
        Attack {
            name: "swap two embeddings",
            edit: |conn| {
                sql(
                    conn,
                    "UPDATE vault_embedding SET id = 7 WHERE id = (1<<40)+8; \
                     UPDATE vault_embedding SET id = (1<<40)+8 WHERE id = (1<<40)+9; \
                     UPDATE vault_embedding SET id = (1<<40)+9 WHERE id = 7",
                )
            },
            caught: By(Embedding),
            plain: NONE,
        },
        Attack {
            name: "remove an embedding",
            edit: |conn| sql(conn, "DELETE FROM vault_embedding WHERE id = (1<<40)+10"),
            caught: By(Embedding),
            plain: NONE,
        },
        Attack {
            name: "give an embedding to an entry that has none",
            edit: |conn| sql(conn, "INSERT INTO vault_embedding VALUES ((1<<40)+1, 1, x'0000803f00000000')"),
            caught: By(Embedding),
            plain: NONE,
        },
        Attack {
            name: "rename a model",
            edit: |conn| sql(conn, "UPDATE vault_model SET model = 'sphere'"),
            caught: By(Column),
            plain: NONE,
        },
        Attack {
            name: "the dimensions of a model",
            edit: |conn| sql(conn, "UPDATE vault_model SET dimensions = 3"),
            caught: By(Column),
            plain: NONE,
        },
        Attack {
            name: "move a model to another tenant",
            edit: |conn| sql(conn, "UPDATE vault_model SET timeline = 2"),
            caught: By(Column),
            plain: NONE,
        },
        Attack {
            name: "forget a model",
            edit: |conn| sql(conn, "DELETE FROM vault_model"),
            caught: By(Column),
            plain: NONE,
        },
        Attack {
            name: "the model of an embedding",
            edit: |conn| sql(conn, "UPDATE vault_embedding SET model = 2 WHERE id = (1<<40)+8"),
            caught: By(Column),
            plain: NONE,
        },
    ]);
}
