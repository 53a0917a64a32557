// Made from docs/queries.md, see tests/graph/test_ready_questions.py.
export default [
  {
    "name": "Everybody: The community's figures, without signing in",
    "query": "query Community { community { memberCount sourceCount nameplateW verifiedWh minted burned agrees completenessPerMille } }\n"
  },
  {
    "name": "Everybody: Signing in with a wallet, first step",
    "query": "mutation SignIn($address: Address!) {\n  signInMessage(address: $address) { ... on SignInAsked { nonce message expiresAt } ... on Problem { sentence } }\n}\n"
  },
  {
    "name": "Members: My three numbers",
    "query": "query Balance { balances { final mintedNotFinal earnedNotYetMinted verifiedUntil member { name } } }\n"
  },
  {
    "name": "Members: How much of my consumption my shares covered, by day",
    "query": "query Covered($me: ID!, $since: DateTime!, $until: DateTime!) {\n  member(id: $me) {\n    energy(since: $since, until: $until, resolution: DAY, zone: \"Europe/Vienna\") {\n      starts intervals consumptionWh productionShare covered fromGrid consumptionMissing\n      total { consumptionWh covered fromGrid }\n    }\n  }\n}\n"
  },
  {
    "name": "Members: From my credits down to the signature of the device",
    "query": "query Evidence {\n  transfers(first: 10) {\n    nodes {\n      amount at isFinal\n      settlement {\n        fromWh toWh readAt\n        issuance { parts { shareCount amount } shareTotal measurement { registerWh at statement { kid publicKey signed } } }\n      }\n    }\n  }\n}\n"
  },
  {
    "name": "Members: My balances as they change (subscription)",
    "query": "subscription Live { balances { cursor nodes { final mintedNotFinal earnedNotYetMinted } } }\n"
  },
  {
    "name": "Operators: What waits for me",
    "query": "query Work {\n  workQueues { quarantine unknownDevices gaps evidenceGaps silentDevices devicesToApprove failedTransactions openBreaks openObjections }\n  inbox { deviceEui reason frames adoptableUntil }\n  silentDevices { nodes { name health { lastSeenAt missing24h { perMille } clockDrifts } } }\n  breaks { nodes { kind severity detail ageS owner story { at actor action text } } }\n}\n"
  },
  {
    "name": "Operators: How complete the last days are",
    "query": "query Complete($first: Date!, $last: Date!) {\n  meteringPoints { nodes { name completeness(firstDay: $first, lastDay: $last, zone: \"Europe/Vienna\") { days expected known estimated suspect missing } } }\n}\n"
  },
  {
    "name": "Operators: Revoking a device from an instant in the past",
    "query": "mutation Revoke($device: ID!, $since: DateTime!, $key: String!) {\n  revokeDevice(deviceId: $device, since: $since, command: { idempotencyKey: $key, reason: \"the box was stolen\" }) {\n    ... on DeviceDecided { device { state restsOn { measurements issuedWh issuances { id state } } } }\n    ... on Problem { code sentence }\n  }\n}\n"
  },
  {
    "name": "Auditors: Both sides, and what does not agree",
    "query": "query Audit {\n  reconciliation { finalisedBlock verifiedWh issuedWh settledWh supply agrees }\n  breaks(open: null) { nodes { kind subject expected found disposition closedBy } }\n  auditEntries { nodes { recordedAt actor command subject reason } }\n}\n"
  },
  {
    "name": "Auditors: From a reading to what was minted from it",
    "query": "query Minted($point: ID!) {\n  measurements(meteringPointId: $point, first: 5) {\n    nodes { at registerWh suspect issuances { id amount settlement { blockNumber isFinal transfers { recipient amount } } } }\n  }\n}\n"
  },
  {
    "name": "Auditors: Asking to know somebody by name",
    "query": "mutation Disclose($member: ID!, $key: String!) {\n  requestDisclosure(identityId: $member, command: { idempotencyKey: $key, reason: \"sample 12 of the audit of 2026\" }) {\n    ... on DisclosureDecided { disclosure { id state } }\n    ... on Problem { code sentence }\n  }\n}\n"
  }
];
