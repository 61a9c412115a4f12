//! The leased key in a real etcd.

use super::tests::identity;
use super::*;
use crate::io::datastore::etcd::{Member, test};

async fn beat(alive: &mut Alive, store: &Store) -> Result<(), Missed> {
    for _ in 0..100 {
        match alive.beat(store).await {
            // It may have no leader yet.
            Err(Missed::Away(_)) => tokio::time::sleep(Duration::from_millis(100)).await,
            other => return other,
        }
    }
    panic!("etcd does not answer");
}

async fn holder(store: &Store) -> Option<Identity> {
    let key = alive("a");
    let found = store.read(&Reads::new().key(key.clone())).await.unwrap();
    let entry = found.get(&key)?;
    Some(serde_json::from_slice(&entry.value).unwrap())
}

#[test]
fn one_machine_speaks_for_a_node_and_takes_its_own_place_over() {
    test(async {
        let root = tempfile::tempdir().unwrap();
        let mut member = Member::start();
        let store = member.store(root.path());
        let mut first = Alive::new("a", identity("m1", "b1", 1));
        assert_eq!(beat(&mut first, &store).await, Ok(()));
        assert_eq!(beat(&mut first, &store).await, Ok(()), "kept alive");
        let mut other = Alive::new("a", identity("m2", "b1", 2));
        let refused = beat(&mut other, &store).await.unwrap_err();
        assert!(
            matches!(&refused, Missed::Refused(why) if why.contains("machine m1")),
            "{refused}"
        );
        // The next boot of the same machine goes on beside the key, until that ends; this one does not.
        let mut booted = Alive::new("a", identity("m1", "b2", 4));
        let waits = beat(&mut booted, &store).await.unwrap_err();
        assert!(matches!(&waits, Missed::Waiting(_)), "{waits}");
        booted.patience = Duration::ZERO;
        let refused = beat(&mut booted, &store).await.unwrap_err();
        assert!(
            matches!(&refused, Missed::Refused(why) if why.contains("boot b1")),
            "{refused}"
        );
        let mut restarted = Alive::new("a", identity("m1", "b1", 3));
        assert_eq!(beat(&mut restarted, &store).await, Ok(()));
        assert_eq!(holder(&store).await.unwrap().pid, 3);
        // The first one's lease has nothing left.
        first.end(&store).await.unwrap();
        assert_eq!(holder(&store).await.unwrap().pid, 3);
        // A lease that etcd has forgotten is taken anew.
        member.kill();
        member.go("empty");
        assert_eq!(beat(&mut restarted, &store).await, Ok(()));
        assert_eq!(holder(&store).await.unwrap().pid, 3);
        restarted.end(&store).await.unwrap();
        assert_eq!(holder(&store).await, None);
        assert_eq!(beat(&mut other, &store).await, Ok(()));
    });
}
