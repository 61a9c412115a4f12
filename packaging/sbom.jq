# From `cargo metadata` to CycloneDX: what the programs link, and what links what. Used by sbom.sh.
def purl: "pkg:cargo/\(.name)@\(.version)";
($programs | split(" ")) as $names
| (.packages | map({key: .id, value: .}) | from_entries) as $package
| (.resolve.nodes
    | map({key: .id, value: [.deps[] | select(any(.dep_kinds[]; .kind == null)) | .pkg]})
    | from_entries) as $links
| [.packages[] | select(.name as $name | $names | index($name)) | .id] as $roots
| def closure(ids): (ids | map($links[.][]) + ids | unique) as $more
    | if ($more | length) == (ids | length) then $more else closure($more) end;
  closure($roots | unique) as $all
| {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: {
        timestamp: $time,
        component: {type: "application", "bom-ref": "manx", name: "manx", version: $version,
            licenses: [{expression: "Apache-2.0"}],
            properties: [{name: "commit", value: $commit}]}
    },
    components: [$all[] | $package[.] | {
        type: (if (.name as $name | $names | index($name)) then "application" else "library" end),
        "bom-ref": purl, name, version, purl: purl,
        licenses: [{expression: ((.license // "NOASSERTION") | gsub(" ?/ ?"; " OR "))}]
    } + ($sums[0]["\(.name)@\(.version)"] // null
        | if . then {hashes: [{alg: "SHA-256", content: .}]} else {} end)],
    dependencies: ([{ref: "manx", dependsOn: [$roots[] | $package[.] | purl]}]
        + [$all[] | {ref: ($package[.] | purl), dependsOn: [$links[.][] | $package[.] | purl] | unique}])
  }
