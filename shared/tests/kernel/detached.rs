//! Deletions that are over when the interface is gone, not when the kernel is done with it.

use shared::kernel::Outcome;
use shared::op::{Op, Route, Side};

use crate::lab::{CALI, ETH0, all, between, ip, net, up};

#[test]
fn a_deletion_that_is_not_waited_for_is_over_when_nobody_finds_the_interface() {
    between(|kernel, pod| async move {
        let kernel = kernel.detaching(true);
        let gone = Op::DelLink {
            side: Side::Host,
            link: CALI.into(),
        };
        // Of the same name each time, at once: the child of the deletion before is still there.
        for _ in 0..20 {
            all(&kernel, &up()).await;
            let route = Op::AddRoute {
                side: Side::Host,
                route: Route::direct(net("10.0.0.1/32"), CALI),
            };
            all(&kernel, &[route, gone.clone()]).await;
            assert_eq!(kernel.link(Side::Host, CALI).await.unwrap(), None);
            assert_eq!(ip("route show"), "");
            assert!(!ip("link show").contains(CALI) && !pod.ip("link show").contains(ETH0));
        }
        assert_eq!(kernel.apply(&gone).await.unwrap(), Outcome::Nothing);
    });
}

#[test]
fn what_the_kernel_says_to_a_deletion_that_is_not_waited_for_is_told() {
    between(|kernel, _| async move {
        let kernel = kernel.detaching(true);
        let gone = Op::DelLink {
            side: Side::Host,
            link: "lo".into(),
        };
        let error = kernel.apply(&gone).await.unwrap_err();
        assert_eq!(error.errno(), Some(libc::EOPNOTSUPP), "{error}");
        assert!(error.to_string().contains("lo"), "{error}");
    });
}
