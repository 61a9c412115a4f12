//! What a machine's daemons are told.

use std::path::Path;

use super::machine::Machine;
use crate::containerd::BUSYBOX;

impl Machine {
    pub(super) fn containerd_settings(&self) -> String {
        let path = |name: &str| self.path(name).display().to_string();
        let (root, state, socket) = (path("root"), path("state"), path("containerd.sock"));
        // Without CAP_SYS_RESOURCE a lower oom_score_adj ends runc, hence `restrict_oom_score_adj`.
        format!(
            r#"version = 2
root = "{root}"
state = "{state}"
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{BUSYBOX}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
"#
        )
    }

    /// Its disk is ours, and fuller than a kubelet likes; cgroups may be of either version.
    pub(super) fn kubelet_settings(&self, endpoint: &str, authority: &Path) -> String {
        let (cgroup, authority) = (&self.cgroup, authority.display());
        format!(
            "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n\
             containerRuntimeEndpoint: {endpoint}\n\
             cgroupDriver: cgroupfs\ncgroupRoot: /{cgroup}\nfailCgroupV1: false\nfailSwapOn: false\n\
             evictionHard: {{memory.available: \"0%\", nodefs.available: \"0%\", imagefs.available: \"0%\"}}\n\
             imageGCHighThresholdPercent: 100\nlocalStorageCapacityIsolation: false\nmaxPods: 250\n\
             healthzBindAddress: 127.0.0.1\nreadOnlyPort: 0\nresolvConf: /etc/resolv.conf\n\
             authentication: {{anonymous: {{enabled: false}}, webhook: {{enabled: false}}, \
             x509: {{clientCAFile: {authority}}}}}\nauthorization: {{mode: AlwaysAllow}}\n\
             nodeStatusUpdateFrequency: 2s\nsyncFrequency: 5s\n"
        )
    }

    pub(super) fn proxy_settings(&self) -> String {
        let kubeconfig = self.path("proxy.kubeconfig");
        format!(
            "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: iptables\n\
             hostnameOverride: {}\nclientConnection: {{kubeconfig: {}}}\n\
             healthzBindAddress: 127.0.0.1:10256\nmetricsBindAddress: 127.0.0.1:10249\n\
             conntrack: {{maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}}\n",
            self.name,
            kubeconfig.display()
        )
    }
}
