//! Who a plugin is to the API server, and whom it takes for one.

use integration::apiserver::ApiServer;
use integration::json::with;
use integration::{Kind, Lab};
use serde_json::{Value, json};

use super::kubernetes_faults::{KUBECONFIG, REFUSED, lab, web};

/// Netconfs of one whom the server knows, by a client certificate, a token file, Calico's own fields and a token over a
/// kubeconfig without, and the netconf of nobody.
fn users(server: &ApiServer, conf: &Value) -> ([Value; 4], Value) {
    let certificate = format!(
        "{{client-certificate: {}, client-key: {}}}",
        server.file("client.pem").display(),
        server.file("client.key").display()
    );
    let by_certificate = server.kubeconfig("by-certificate", &certificate);
    std::fs::write(server.file("token"), "token-of-the-laboratory\n").expect("the token's file");
    let by_file = server.kubeconfig("by-file", "{tokenFile: token}");
    let nobody = server.kubeconfig("nobody", "{}");
    let kubeconfig =
        |path: &std::path::Path| with(conf.clone(), "kubernetes/kubeconfig", path.display().to_string());
    let file = |name: &str| server.file(name).display().to_string();
    let fields = json!({"type": "k8s", "k8s_api_root": format!("{}/api/v1/", server.url()),
        "k8s_certificate_authority": file("ca.pem"), "k8s_auth_token": "token-of-the-laboratory"});
    let alone = with(with(conf.clone(), "kubernetes", json!({})), "policy", fields);
    let overruled = with(
        kubeconfig(&nobody),
        "policy/k8s_auth_token",
        "token-of-the-laboratory",
    );
    let known = [
        kubeconfig(&by_certificate),
        kubeconfig(&by_file),
        alone,
        overruled,
    ];
    (known, kubeconfig(&nobody))
}

#[test]
fn a_client_certificate_a_token_file_and_calicos_own_fields_are_all_understood() {
    let (lab, server, conf) = lab(Kind::Embedded);
    let (known, nobody) = users(&server, &conf);
    for conf in known {
        let pod = web();
        lab.node.add(&conf, &pod);
        lab.node.del(&conf, &pod);
    }
    let failure = lab.node.call("ADD", &nobody, &web()).run().failure();
    assert_eq!(failure.code, REFUSED, "{failure:?}");
    let mut asked = server.requests();
    asked.truncate(2);
    asked.sort();
    assert_eq!(
        asked,
        [
            "/api/v1/namespaces/default",
            "/api/v1/namespaces/default/pods/web"
        ]
    );
}

#[test]
fn a_server_of_another_authority_is_not_trusted() {
    let (lab, server, conf) = lab(Kind::Embedded);
    let elsewhere = Lab::new(Kind::Embedded);
    let stranger = ApiServer::start(&elsewhere);
    let conf = with(
        conf,
        "policy/k8s_certificate_authority",
        stranger.file("ca.pem").display().to_string(),
    );
    let failure = lab.node.call("ADD", &conf, &web()).run().failure();
    assert_eq!(failure.code, KUBECONFIG, "{failure:?}");
    failure.says(&[&server.url(), "certificate"]);
    assert_eq!(
        server.requests(),
        Vec::<String>::new(),
        "no token was told to a stranger"
    );
}
