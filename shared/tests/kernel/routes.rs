//! Routes: added, removed exactly, looked up.

use shared::kernel::fact::Path;
use shared::kernel::{Kernel, Outcome};
use shared::op::{Op, Route, RouteKind, Scope, Side};

use crate::lab::{CALI, ETH0, addr, all, between, ip, net, there_and_back, up};

#[test]
fn routes_look_as_calico_makes_them() {
    between(|kernel, pod| async move {
        all(&kernel, &up()).await;
        let look = || pod.ip("-4 route") + &pod.ip("-6 route show default");
        let side = Side::Pod;
        let gateway = Op::AddRoute {
            side,
            route: Route::direct(net("169.254.1.1/32"), ETH0),
        };
        there_and_back(
            &kernel,
            gateway.clone(),
            look,
            "169.254.1.1 dev eth0 scope link \n",
        )
        .await;
        all(&kernel, &[gateway]).await;
        let v4 = Op::AddRoute {
            side,
            route: Route::via(net("0.0.0.0/0"), addr("169.254.1.1"), ETH0),
        };
        there_and_back(&kernel, v4, look, "default via 169.254.1.1 dev eth0 \n").await;
        let v6 = Route::via(net("::/0"), addr("fe80::ecee:eeff:feee:eeee"), ETH0);
        let add = Op::AddRoute {
            side,
            route: v6.clone(),
        };
        let text = "default via fe80::ecee:eeff:feee:eeee dev eth0 metric 1024";
        there_and_back(&kernel, add.clone(), look, text).await;
        all(&kernel, &[add]).await;
        let found = kernel.link(side, ETH0).await.unwrap().unwrap();
        let routes = kernel.routes(side, &found).await.unwrap();
        let same = |route: &&Route| route.destination == v6.destination && route.gateway == v6.gateway;
        assert_eq!(routes.iter().filter(same).count(), 1, "{routes:?}");
        assert_eq!(routes.iter().find(same).unwrap().protocol, Route::BOOT);
    });
}

#[test]
fn a_second_route_is_refused_and_a_missing_one_is_nothing() {
    between(|kernel, _| async move {
        all(&kernel, &up()).await;
        for destination in ["10.0.0.5/32", "fd00::5/128"] {
            let add = Op::AddRoute {
                side: Side::Host,
                route: Route::direct(net(destination), CALI),
            };
            all(&kernel, std::slice::from_ref(&add)).await;
            assert_eq!(kernel.apply(&add).await.unwrap_err().errno(), Some(libc::EEXIST));
            let del = add.inverse().unwrap();
            assert!(matches!(kernel.apply(&del).await, Ok(Outcome::Removed(gone)) if gone.len() == 1));
            assert_eq!(kernel.apply(&del).await, Ok(Outcome::Nothing));
        }
        let nowhere = Op::AddRoute {
            side: Side::Host,
            route: Route::direct(net("10.0.0.6/32"), "cali9"),
        };
        let error = kernel.apply(&nowhere).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "host: add route 10.0.0.6/32 dev cali9 scope link: no interface cali9 (host)"
        );
        assert_eq!(
            kernel.apply(&nowhere.inverse().unwrap()).await,
            Ok(Outcome::Nothing)
        );
    });
}

/// Puts it on the host's side.
async fn add(kernel: &Kernel, route: Route) {
    let side = Side::Host;
    all(kernel, &[Op::AddRoute { side, route }]).await;
}

/// A blackhole as the sidecar puts it.
fn add_blackhole(family: &str, destination: &str) {
    ip(&format!(
        "{family} route add blackhole {destination} proto 77 metric 4096"
    ));
}

#[test]
fn a_removed_blackhole_comes_back_as_it_was_and_wider_ones_stay() {
    between(|kernel, _| async move {
        all(&kernel, &up()).await;
        for (one, block) in [("10.0.0.5/32", "10.0.0.0/26"), ("fd00::5/128", "fd00::/122")] {
            let family = if one.contains(':') { "-6" } else { "-4" };
            add_blackhole(family, block);
            let pattern = Op::DelRoute {
                side: Side::Host,
                route: Route::any_blackhole(net(one)),
            };
            assert_eq!(kernel.path(net(one).addr()).await, Ok(Path::Blackhole));
            assert_eq!(
                kernel.apply(&pattern).await,
                Ok(Outcome::Nothing),
                "only the block's is there"
            );
            add_blackhole(family, one);
            let before = ip(&format!("{family} route"));
            let Ok(Outcome::Removed(gone)) = kernel.apply(&pattern).await else {
                panic!("{one} was not removed");
            };
            let [route] = gone.as_slice() else {
                panic!("{gone:?}")
            };
            assert_eq!(
                (route.protocol, route.metric, route.kind),
                (77, Some(4096), RouteKind::Blackhole)
            );
            assert_ne!(ip(&format!("{family} route")), before);
            add(&kernel, route.clone()).await;
            assert_eq!(ip(&format!("{family} route")), before);
            ip(&format!("{family} route del blackhole {one}"));
            add(&kernel, Route::direct(net(one), CALI)).await;
            assert_eq!(
                kernel.apply(&pattern).await,
                Ok(Outcome::Nothing),
                "a pod's route is no blackhole"
            );
        }
    });
}

#[test]
fn the_path_of_an_address_is_exact_or_open() {
    between(|kernel, _| async move {
        all(&kernel, &up()).await;
        ip(&format!("addr add 10.9.0.1/24 dev {CALI}"));
        assert_eq!(
            kernel.path(addr("10.9.0.7")).await,
            Ok(Path::Open),
            "only the /24 covers it"
        );
        assert_eq!(
            kernel.path(addr("10.8.0.7")).await,
            Ok(Path::Open),
            "nothing covers it"
        );
        assert_eq!(kernel.path(addr("fd00::7")).await, Ok(Path::Open));
        for text in ["10.9.0.7", "fd00::7"] {
            let route = Route::direct(addr(text).into(), CALI);
            all(
                &kernel,
                &[Op::AddRoute {
                    side: Side::Host,
                    route: route.clone(),
                }],
            )
            .await;
            let Ok(Path::Exact(found, Some(link))) = kernel.path(addr(text)).await else {
                panic!("{text} has no path");
            };
            assert_eq!(
                (found.link.as_deref(), found.kind),
                (Some(CALI), RouteKind::Unicast)
            );
            assert_eq!((found.protocol, link.name.as_str()), (Route::BOOT, CALI));
        }
        let Ok(Path::Exact(own, _)) = kernel.path(addr("10.9.0.1")).await else {
            panic!("no local route")
        };
        assert_eq!((own.kind, own.scope), (RouteKind::Local, Scope::Other(254)));
    });
}

#[test]
fn a_refusal_carries_the_kernels_own_reason() {
    between(|kernel, _| async move {
        all(&kernel, &up()).await;
        let route = Route::via(net("10.0.0.0/8"), addr("192.0.2.1"), CALI);
        let error = kernel
            .apply(&Op::AddRoute {
                side: Side::Host,
                route,
            })
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("Nexthop has invalid gateway"),
            "{error}"
        );
    });
}
