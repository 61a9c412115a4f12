//! What a schedule is made of. Numbers choose among what there is at that moment, so that every list of steps is
//! a schedule and stays one when it is made shorter.

use proptest::prelude::*;

use super::call::Fault;

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A call that runs reads once, decides once or commits once.
    Go(u8, Fault),
    /// The runtime adds a container.
    Add(u8, Wish),
    /// It deletes one; the datastore may be away, so that the release is spooled.
    Del(u8, Way),
    /// A running call is killed.
    Kill(u8, Fate),
    /// The runtime loses a container without a DEL: what it holds is garbage.
    Forget(u8),
    /// The runtime asks a host for a collection.
    Collect(u8),
    /// A late write arrives.
    Arrive(u8),
    /// Calico begins something, to be continued or never finished.
    Calico(u8, Begin),
    /// It goes on by one write.
    CalicoGo(u8),
    /// Others leave a half-done state.
    Damage(Damage, u8, u8),
    /// An operator changes the configuration.
    Edit(Edit),
    /// So many seconds pass.
    Tick(u8),
}

/// What a container asks for.
#[derive(Clone, Debug)]
pub(crate) enum Wish {
    V4,
    V6,
    Dual,
    Pool(u8),
    Specific(u8),
    SpecificV6(u8),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Now,
    Spooled,
}

/// What becomes of the request a killed process has sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    Lost,
    Applied,
    Late,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Begin {
    Assign,
    Release,
    Claim(u8),
    Unclaim(u8),
    DropPool(u8),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Damage {
    PendingAffinity,
    AffinityWithoutBlock,
    BlockWithoutAffinity,
    TwoClaimants,
    NullAffinity,
    PendingDeletion,
    OrphanHandle,
    WrongCount,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Edit {
    Strict(bool),
    MaxBlocks(u8),
    Cooldown(bool),
    Reserve(Option<u8>),
    Disable(u8, bool),
    AddPool(u8),
    Label(u8),
}

/// How a schedule begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start {
    /// No host has anything.
    Empty,
    /// Every host has a container.
    Inhabited,
    /// Two hosts with most of the containers, and few blocks each.
    TwoHosts,
    /// A pool of more blocks than one request probes, nearly all of them other hosts'.
    Wide,
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        12 => Just(Fault::None),
        1 => Just(Fault::Conflict),
        1 => Just(Fault::ReplyLost),
        1 => Just(Fault::RequestLost),
        1 => Just(Fault::RequestLate),
    ]
}

fn wish() -> impl Strategy<Value = Wish> {
    prop_oneof![
        6 => Just(Wish::V4),
        2 => Just(Wish::V6),
        3 => Just(Wish::Dual),
        4 => any::<u8>().prop_map(Wish::Pool),
        3 => any::<u8>().prop_map(Wish::Specific),
        1 => any::<u8>().prop_map(Wish::SpecificV6),
    ]
}

fn begin() -> impl Strategy<Value = Begin> {
    prop_oneof![
        4 => Just(Begin::Assign),
        2 => Just(Begin::Release),
        3 => any::<u8>().prop_map(Begin::Claim),
        3 => any::<u8>().prop_map(Begin::Unclaim),
        1 => any::<u8>().prop_map(Begin::DropPool),
    ]
}

fn damage() -> impl Strategy<Value = Damage> {
    prop::sample::select(vec![
        Damage::PendingAffinity,
        Damage::AffinityWithoutBlock,
        Damage::BlockWithoutAffinity,
        Damage::TwoClaimants,
        Damage::NullAffinity,
        Damage::PendingDeletion,
        Damage::OrphanHandle,
        Damage::WrongCount,
    ])
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        2 => any::<bool>().prop_map(Edit::Strict),
        2 => (0u8..4).prop_map(Edit::MaxBlocks),
        1 => any::<bool>().prop_map(Edit::Cooldown),
        1 => prop::option::of(any::<u8>()).prop_map(Edit::Reserve),
        1 => any::<(u8, bool)>().prop_map(|(pool, off)| Edit::Disable(pool, off)),
        1 => any::<u8>().prop_map(Edit::AddPool),
        2 => any::<u8>().prop_map(Edit::Label),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let way = prop_oneof![3 => Just(Way::Now), 1 => Just(Way::Spooled)];
    let fate = prop::sample::select(vec![Fate::Lost, Fate::Applied, Fate::Late]);
    prop_oneof![
        44 => (any::<u8>(), fault()).prop_map(|(who, fault)| Step::Go(who, fault)),
        16 => (any::<u8>(), wish()).prop_map(|(pod, wish)| Step::Add(pod, wish)),
        8 => (any::<u8>(), way).prop_map(|(pod, way)| Step::Del(pod, way)),
        4 => (any::<u8>(), fate).prop_map(|(who, fate)| Step::Kill(who, fate)),
        1 => any::<u8>().prop_map(Step::Forget),
        1 => any::<u8>().prop_map(Step::Collect),
        3 => any::<u8>().prop_map(Step::Arrive),
        3 => (any::<u8>(), begin()).prop_map(|(host, begin)| Step::Calico(host, begin)),
        8 => any::<u8>().prop_map(Step::CalicoGo),
        3 => (damage(), any::<u8>(), any::<u8>()).prop_map(|(kind, host, at)| Step::Damage(kind, host, at)),
        4 => edit().prop_map(Step::Edit),
        2 => prop::sample::select(vec![1u8, 5, 30, 61]).prop_map(Step::Tick),
    ]
}

/// So many steps.
pub(crate) fn schedule(length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), length)
}

/// So many steps of containers of one host whose calls are killed, and whose writes arrive whenever they do.
pub(crate) fn lateness(length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Step>> {
    let pod = || prop::sample::select(vec![0u8, 16, 20, 24]);
    let way = prop_oneof![Just(Way::Now), Just(Way::Spooled)];
    let wish = prop_oneof![2 => Just(Wish::V4), 1 => Just(Wish::Dual), 2 => any::<u8>().prop_map(Wish::Pool)];
    let step = prop_oneof![
        16 => any::<u8>().prop_map(|who| Step::Go(who, Fault::None)),
        5 => (pod(), wish).prop_map(|(pod, wish)| Step::Add(pod, wish)),
        4 => (pod(), way).prop_map(|(pod, way)| Step::Del(pod, way)),
        4 => any::<u8>().prop_map(|who| Step::Kill(who, Fate::Late)),
        1 => any::<u8>().prop_map(Step::Arrive),
    ];
    prop::collection::vec(step, length)
}
