/* eslint-disable */
import * as types from './graphql';



/**
 * Map of all GraphQL operations in the project.
 *
 * This map has several performance disadvantages:
 * 1. It is not tree-shakeable, so it will include all operations in the project.
 * 2. It is not minifiable, so the string of a GraphQL query will be multiple times inside the bundle.
 * 3. It does not support dead code elimination, so it will add unused operations.
 *
 * Therefore it is highly recommended to use the babel or swc plugin for production.
 * Learn more about it here: https://the-guild.dev/graphql/codegen/plugins/presets/preset-client#reducing-bundle-size
 */
type Documents = {
    "query Who { viewer { role } }": typeof types.WhoDocument,
    "query Viewer { viewer { role label identity { __typename id name } } }": typeof types.ViewerDocument,
    "\n  mutation SignInMessage($address: Address!) {\n    signInMessage(address: $address) {\n      __typename\n      ... on SignInAsked { nonce message }\n      ... on Problem { sentence }\n    }\n  }\n": typeof types.SignInMessageDocument,
    "\n  mutation SignInWithWallet($nonce: Hex!, $signature: Hex!) {\n    signInWithWallet(nonce: $nonce, signature: $signature) {\n      __typename\n      ... on SignedIn { token }\n      ... on Problem { sentence }\n    }\n  }\n": typeof types.SignInWithWalletDocument,
    "\n  query Breaks($open: Boolean) {\n    breaks(open: $open, first: 100) {\n      nodes {\n        id kind severity subject detail expected found openedAt closedAt closedBy owner disposition\n        source { name } story { at actor action text }\n      }\n    }\n  }\n": typeof types.BreaksDocument,
    "\n  query Reconciled($since: DateTime!, $until: DateTime!, $sourceId: ID, $first: PageSize!) {\n    reconciled(since: $since, until: $until, sourceId: $sourceId, first: $first) {\n      nodes { periodStart periodEnd energyWh amount state explained txHash blockNumber issuance { id fromWh toWh } source { name } }\n      pageInfo { hasNextPage }\n    }\n  }\n": typeof types.ReconciledDocument,
    "query FinalisedBlock { reconciliation { finalisedHash } }": typeof types.FinalisedBlockDocument,
    "\n  query Totals {\n    supply { token minted burned finalMinted finalBurned }\n    balances { member { id name } final mintedNotFinal earnedNotYetMinted }\n    chainHead { head finalised headHash }\n  }\n": typeof types.TotalsDocument,
    "\n  query Evidence($since: DateTime!, $until: DateTime!, $sourceId: ID, $first: PageSize!, $after: Cursor) {\n    reconciled(since: $since, until: $until, sourceId: $sourceId, first: $first, after: $after) {\n      nodes {\n        periodStart periodEnd energyWh amount state txHash blockNumber\n        source { name sourceRef }\n        issuance {\n          id fromWh toWh\n          measurement {\n            at registerWh register { obis }\n            device { eui }\n            statement { digest counter format firstAt readingCount signed keyNumber kid publicKey isDevelopmentKey recordedAt }\n          }\n        }\n      }\n      pageInfo { hasNextPage endCursor }\n    }\n  }\n": typeof types.EvidenceDocument,
    "\n  query CreditStory($tx: Hash!) {\n    viewer { role }\n    transfers(txHash: $tx, first: 1) {\n      nodes {\n        settlement {\n          blockNumber\n          issuance {\n            id energyWh fromWh toWh periodStart periodEnd shareTotal\n            source { name }\n            parts { shareCount amount holder { name } }\n            measurement {\n              statement { counter kid isDevelopmentKey recordedAt format signed publicKey }\n            }\n          }\n        }\n      }\n    }\n  }\n": typeof types.CreditStoryDocument,
    "\n  subscription Credits($first: PageSize!, $after: Cursor) {\n    settlements(first: $first, after: $after) {\n      cursor\n      nodes {\n        txHash logIndex readAt mintedWh isFinal blockNumber\n        source { name }\n        issuance { parts { amount shareCount } }\n      }\n    }\n  }\n": typeof types.CreditsDocument,
    "\n  query MemberEnergy($since: DateTime!, $until: DateTime!, $resolution: Resolution!, $zone: String!) {\n    members(first: 10) {\n      nodes {\n        id\n        energyConsumptionUnits { id }\n        energy(since: $since, until: $until, resolution: $resolution, zone: $zone) {\n          starts consumptionWh productionShare covered fromGrid surplus consumptionMissing productionMissing\n          total { consumptionWh productionShare covered consumptionMissing productionMissing }\n        }\n      }\n    }\n  }\n": typeof types.MemberEnergyDocument,
    "\n  mutation WalletLinkChallenge($memberId: ID!, $address: Address!) {\n    walletLinkChallenge(memberId: $memberId, address: $address) {\n      __typename\n      ... on WalletChallengeMade { nonce typedData }\n      ... on Problem { sentence }\n    }\n  }\n": typeof types.WalletLinkChallengeDocument,
    "\n  mutation LinkWallet($memberId: ID!, $nonce: Hash!, $signature: Hex!, $command: CommandInput!) {\n    linkWallet(memberId: $memberId, nonce: $nonce, signature: $signature, command: $command) {\n      __typename\n      ... on Problem { sentence }\n    }\n  }\n": typeof types.LinkWalletDocument,
    "\n  subscription Balances($after: Cursor) {\n    balances(after: $after) {\n      cursor\n      nodes { member { id name } final mintedNotFinal earnedNotYetMinted verifiedUntil }\n    }\n  }\n": typeof types.BalancesDocument,
    "\n  query Shares {\n    members(first: 10) { nodes { id name shares { shareCount shareTotal address source { id name nameplateW } } } }\n  }\n": typeof types.SharesDocument,
    "\n  query ShareHistory {\n    energySources(first: 50) {\n      nodes { id name shareTables { id revision validFrom validTo shareTotal shares { shareCount holder { id name } } } }\n    }\n  }\n": typeof types.ShareHistoryDocument,
    "\n  query Transfers($first: PageSize!, $after: Cursor) {\n    viewer { identity { coinAddresses { address } } }\n    transfers(first: $first, after: $after) {\n      nodes { txHash logIndex blockNumber sender recipient amount kind at isFinal }\n      pageInfo { hasNextPage endCursor }\n    }\n  }\n": typeof types.TransfersDocument,
    "\n  query Addresses { members(first: 10) { nodes { id name coinAddresses { chain address path validFrom validTo } } } }\n": typeof types.AddressesDocument,
    "\n  subscription News($after: Cursor) {\n    notifications(first: 50, after: $after) {\n      cursor unreadCount\n      nodes { id kind at readAt effectiveAt energyWh amount isLess shareCountBefore shareCountAfter sentence source { name } }\n    }\n  }\n": typeof types.NewsDocument,
    "query NewestOfEach { members(first: 10) { nodes { id notifications(first: 1) { nodes { id } } } } }": typeof types.NewestOfEachDocument,
    "\n  mutation MarkNotificationsRead($memberId: ID!, $upTo: ID!, $command: CommandInput!) {\n    markNotificationsRead(memberId: $memberId, upTo: $upTo, command: $command) { __typename ... on Problem { sentence } }\n  }\n": typeof types.MarkNotificationsReadDocument,
    "\n  subscription AllBalances($after: Cursor) {\n    balances(after: $after) { cursor nodes { member { id name } final mintedNotFinal earnedNotYetMinted } }\n  }\n": typeof types.AllBalancesDocument,
    "\n  mutation DisposeBreak($breakId: ID!, $owner: String!, $disposition: String!, $command: CommandInput!) {\n    disposeBreak(breakId: $breakId, owner: $owner, disposition: $disposition, command: $command) { __typename ... on Problem { sentence } }\n  }\n": typeof types.DisposeBreakDocument,
    "\n  mutation NoteBreak($breakId: ID!, $text: String!, $command: CommandInput!) {\n    noteBreak(breakId: $breakId, text: $text, command: $command) { __typename ... on Problem { sentence } }\n  }\n": typeof types.NoteBreakDocument,
    "\n  mutation CloseBreak($breakId: ID!, $command: CommandInput!) {\n    closeBreak(breakId: $breakId, command: $command) { __typename ... on Problem { sentence } }\n  }\n": typeof types.CloseBreakDocument,
    "\n  query Completeness($firstDay: Date!, $lastDay: Date!, $zone: String!) {\n    meteringPoints(first: 500) {\n      nodes { id name direction completeness(firstDay: $firstDay, lastDay: $lastDay, zone: $zone) { days expected known estimated suspect missing } }\n    }\n  }\n": typeof types.CompletenessDocument,
    "\n  query GapsOf($id: ID!) { gaps(meteringPointId: $id, first: 50) { nodes { id startsAt endsAt state energyWh } } }\n": typeof types.GapsOfDocument,
    "query Plants { energySources(first: 200) { nodes { id name } } }": typeof types.PlantsDocument,
    "\n  query CorrectionPreview($sourceId: ID!, $kind: CorrectionKind!, $energyWh: WattHours!) {\n    correctionPreview(sourceId: $sourceId, kind: $kind, energyWh: $energyWh) {\n      before { verifiedWh mintedWh supplementWh debtWh }\n      after { verifiedWh mintedWh supplementWh debtWh }\n      effects { difference holder { id name } }\n    }\n  }\n": typeof types.CorrectionPreviewDocument,
    "\n  mutation RecordCorrection($sourceId: ID!, $kind: CorrectionKind!, $energyWh: WattHours!, $evidence: Hash!, $command: CommandInput!) {\n    recordCorrection(sourceId: $sourceId, kind: $kind, energyWh: $energyWh, evidence: $evidence, command: $command) {\n      __typename\n      ... on CorrectionRecorded { calldata }\n      ... on Problem { sentence }\n    }\n  }\n": typeof types.RecordCorrectionDocument,
    "\n  query Device($id: ID!) {\n    identity(id: $id) {\n      __typename id name\n      ... on Device {\n        eui payloadFormat profile state onboarding approvedAt lastSeenAt\n        health { ...HealthOf }\n        provisionalReadings { at registersWh }\n        keys { number kid publicKey isDevelopmentKey validFrom validTo }\n        installations {\n          id validFrom validTo factor maxPowerW\n          meter { serial maker model registers { obis } }\n          meteringPoint {\n            id name code direction\n            measurements(first: 12) {\n              nodes {\n                id at registerWh readOffsetS recordedAt register { obis }\n                device { id }\n                statement { counter format signed publicKey }\n              }\n            }\n          }\n        }\n      }\n    }\n  }\n": typeof types.DeviceDocument,
    "\n  query Devices {\n    devices(first: 500) { nodes { id name eui payloadFormat state lastSeenAt hasDevelopmentKey installations { validTo meteringPoint { id name } } } }\n  }\n": typeof types.DevicesDocument,
    "\n  fragment HealthOf on DeviceHealth {\n    missing24h { expected present perMille }\n    missing7d { expected present perMille }\n    missing30d { expected present perMille }\n    signatureFailures counterAnomalies clockDriftMs clockDrifts airtimeMs\n  }\n": typeof types.HealthOfFragmentDoc,
    "\n  mutation ImportFiles($community: String!, $files: [ImportFile!]!, $command: CommandInput!, $dryRun: Boolean!) {\n    importFiles(community: $community, files: $files, command: $command, dryRun: $dryRun) {\n      __typename\n      ... on ImportDone {\n        committed\n        counts { file rows entered unchanged }\n        problems { file row column value what remedy }\n      }\n      ... on Problem { sentence }\n    }\n  }\n": typeof types.ImportFilesDocument,
    "query MembersToHold { members(first: 500) { nodes { id name } } }": typeof types.MembersToHoldDocument,
    "\n  query SharePreview($sourceId: ID!, $validFrom: DateTime!, $shares: [ShareInput!]!) {\n    sharePreview(sourceId: $sourceId, validFrom: $validFrom, shares: $shares) {\n      __typename\n      ... on SharePreview { revision configHash validFrom changes { before after holder { id name } } }\n      ... on Problem { sentence }\n    }\n  }\n": typeof types.SharePreviewDocument,
    "\n  mutation ProposeShareTable($sourceId: ID!, $validFrom: DateTime!, $shares: [ShareInput!]!, $command: CommandInput!) {\n    proposeShareTable(sourceId: $sourceId, validFrom: $validFrom, shares: $shares, command: $command) {\n      __typename\n      ... on Problem { sentence }\n    }\n  }\n": typeof types.ProposeShareTableDocument,
    "\n  query WaitingRevisions {\n    shareRevisions(first: 100) {\n      nodes { id validFrom reason proposedBy isProposedByViewer proposedAt source { id name } changes { before after holder { id name } } }\n    }\n  }\n": typeof types.WaitingRevisionsDocument,
    "\n  mutation ApproveShareTable($revisionId: ID!, $command: CommandInput!) {\n    approveShareTable(revisionId: $revisionId, command: $command) { __typename ... on Problem { sentence } }\n  }\n": typeof types.ApproveShareTableDocument,
    "\n  mutation RejectShareTable($revisionId: ID!, $command: CommandInput!) {\n    rejectShareTable(revisionId: $revisionId, command: $command) { __typename ... on Problem { sentence } }\n  }\n": typeof types.RejectShareTableDocument,
    "\n  query ShareRegister {\n    energySources(first: 100) {\n      nodes {\n        id name shareTotal\n        shareTables { id revision shareTotal configHash validFrom validTo shares { shareCount address holder { id name } } }\n      }\n    }\n  }\n": typeof types.ShareRegisterDocument,
    "\n  subscription Head($after: Cursor) {\n    chainHead(after: $after) { cursor chainHead { chainId head headHash finalised nodeHead lag updatedAt } }\n  }\n": typeof types.HeadDocument,
    "\n  query Attempts {\n    supply { token minted burned }\n    issuances(first: 25) {\n      nodes { id state source { name } attempts { number nonce account maxFeeWei state txHash requestedAt signedAt } }\n    }\n    auditEntries(first: 25) { nodes { id actor command subject reason recordedAt } }\n  }\n": typeof types.AttemptsDocument,
    "\n  query Queues {\n    devices(first: 500) { nodes { id name eui state onboarding keys { kid } } }\n    silentDevices(silentForS: 2700, first: 50) { nodes { id name eui lastSeenAt } }\n    inbox { deviceEui deviceName reason frames firstAt adoptableUntil }\n    evidenceGaps { id deviceName deviceEui kind first last state sinceAt asked lastAskedAt }\n    gaps(open: true, first: 50) { nodes { id startsAt endsAt meteringPoint { id name } } }\n    failedTransactions(first: 50) { nodes { id periodStart periodEnd state failure source { name } } }\n  }\n": typeof types.QueuesDocument,
    "\n  subscription Quarantine($after: Cursor) {\n    quarantine(first: 20, after: $after) { cursor nodes { id reason detail recordedAt deviceEui device { id name } } }\n  }\n": typeof types.QuarantineDocument,
    "\n  mutation ApproveDevice($deviceId: ID!, $command: CommandInput!) {\n    approveDevice(deviceId: $deviceId, command: $command) { __typename ... on Problem { sentence } }\n  }\n": typeof types.ApproveDeviceDocument,
    "\n  mutation RevokeDevice($deviceId: ID!, $command: CommandInput!) {\n    revokeDevice(deviceId: $deviceId, command: $command) { __typename ... on Problem { sentence } }\n  }\n": typeof types.RevokeDeviceDocument,
    "\n  mutation ResolveQuarantine($entryId: ID!, $resolution: String!, $command: CommandInput!) {\n    resolveQuarantine(entryId: $entryId, resolution: $resolution, command: $command) { __typename ... on Problem { sentence } }\n  }\n": typeof types.ResolveQuarantineDocument,
    "\n  mutation ConfirmSerial($deviceId: ID!, $serial: String!, $command: CommandInput!) {\n    confirmSerial(deviceId: $deviceId, serial: $serial, command: $command) { __typename ... on Problem { sentence } }\n  }\n": typeof types.ConfirmSerialDocument,
    "\n  mutation BindDeviceKey($deviceId: ID!, $publicKey: Hex!, $command: CommandInput!) {\n    bindDeviceKey(deviceId: $deviceId, publicKey: $publicKey, command: $command) { __typename ... on Problem { sentence } }\n  }\n": typeof types.BindDeviceKeyDocument,
    "\n  mutation ApproveForIssuance($deviceId: ID!, $waiver: String, $command: CommandInput!) {\n    approveForIssuance(deviceId: $deviceId, waiver: $waiver, command: $command) { __typename ... on Problem { sentence } }\n  }\n": typeof types.ApproveForIssuanceDocument,
    "\n  query DevicesOnWay($after: Cursor) {\n    devices(first: 500, after: $after) {\n      nodes { id name eui state onboarding installations { validTo meteringPoint { id direction } } }\n      pageInfo { hasNextPage endCursor }\n    }\n    energySources(first: 500) { nodes { id approvedAt meteringPoint { id } } }\n  }\n": typeof types.DevicesOnWayDocument,
    "\n  query DeviceOnWay($id: ID!) {\n    identity(id: $id) {\n      __typename\n      ... on Device {\n        id name eui state onboarding lastSeenAt\n        keys { number kid isDevelopmentKey }\n        installations {\n          id validFrom validTo\n          meter { serial maker model }\n          meteringPoint { id code name direction measurements(first: 1) { nodes { id at registerWh device { id } } } }\n        }\n      }\n    }\n    energySources(first: 500) { nodes { id name approvedAt meteringPoint { id } } }\n  }\n": typeof types.DeviceOnWayDocument,
    "query InboxOnWay { inbox { deviceEui frames } }": typeof types.InboxOnWayDocument,
    "\n  query Corrections {\n    corrections(first: 50) { nodes { id kind energyWh evidence reason recordedAt source { id name } } }\n  }\n": typeof types.CorrectionsDocument,
    "query SourceNames { energySources(first: 200) { nodes { id name } } }": typeof types.SourceNamesDocument,
    "\n  subscription Run($after: Cursor) {\n    breaks(first: 50, after: $after) {\n      cursor\n      nodes { id kind severity openedAt detail owner disposition source { name } }\n      reconciliation { verifiedWh issuedWh settledWh pendingWh agrees matchCount breakCount startedAt finalisedBlock }\n    }\n  }\n": typeof types.RunDocument,
    "\n  query Community($since: DateTime!, $until: DateTime!, $zone: String!) {\n    community {\n      memberCount sourceCount nameplateW verifiedWh minted agrees comparedAt finalisedBlock openBreakCount completenessPerMille\n      energy(since: $since, until: $until, resolution: DAY, zone: $zone) { starts productionWh consumptionWh }\n    }\n  }\n": typeof types.CommunityDocument,
};
const documents: Documents = {
    "query Who { viewer { role } }": types.WhoDocument,
    "query Viewer { viewer { role label identity { __typename id name } } }": types.ViewerDocument,
    "\n  mutation SignInMessage($address: Address!) {\n    signInMessage(address: $address) {\n      __typename\n      ... on SignInAsked { nonce message }\n      ... on Problem { sentence }\n    }\n  }\n": types.SignInMessageDocument,
    "\n  mutation SignInWithWallet($nonce: Hex!, $signature: Hex!) {\n    signInWithWallet(nonce: $nonce, signature: $signature) {\n      __typename\n      ... on SignedIn { token }\n      ... on Problem { sentence }\n    }\n  }\n": types.SignInWithWalletDocument,
    "\n  query Breaks($open: Boolean) {\n    breaks(open: $open, first: 100) {\n      nodes {\n        id kind severity subject detail expected found openedAt closedAt closedBy owner disposition\n        source { name } story { at actor action text }\n      }\n    }\n  }\n": types.BreaksDocument,
    "\n  query Reconciled($since: DateTime!, $until: DateTime!, $sourceId: ID, $first: PageSize!) {\n    reconciled(since: $since, until: $until, sourceId: $sourceId, first: $first) {\n      nodes { periodStart periodEnd energyWh amount state explained txHash blockNumber issuance { id fromWh toWh } source { name } }\n      pageInfo { hasNextPage }\n    }\n  }\n": types.ReconciledDocument,
    "query FinalisedBlock { reconciliation { finalisedHash } }": types.FinalisedBlockDocument,
    "\n  query Totals {\n    supply { token minted burned finalMinted finalBurned }\n    balances { member { id name } final mintedNotFinal earnedNotYetMinted }\n    chainHead { head finalised headHash }\n  }\n": types.TotalsDocument,
    "\n  query Evidence($since: DateTime!, $until: DateTime!, $sourceId: ID, $first: PageSize!, $after: Cursor) {\n    reconciled(since: $since, until: $until, sourceId: $sourceId, first: $first, after: $after) {\n      nodes {\n        periodStart periodEnd energyWh amount state txHash blockNumber\n        source { name sourceRef }\n        issuance {\n          id fromWh toWh\n          measurement {\n            at registerWh register { obis }\n            device { eui }\n            statement { digest counter format firstAt readingCount signed keyNumber kid publicKey isDevelopmentKey recordedAt }\n          }\n        }\n      }\n      pageInfo { hasNextPage endCursor }\n    }\n  }\n": types.EvidenceDocument,
    "\n  query CreditStory($tx: Hash!) {\n    viewer { role }\n    transfers(txHash: $tx, first: 1) {\n      nodes {\n        settlement {\n          blockNumber\n          issuance {\n            id energyWh fromWh toWh periodStart periodEnd shareTotal\n            source { name }\n            parts { shareCount amount holder { name } }\n            measurement {\n              statement { counter kid isDevelopmentKey recordedAt format signed publicKey }\n            }\n          }\n        }\n      }\n    }\n  }\n": types.CreditStoryDocument,
    "\n  subscription Credits($first: PageSize!, $after: Cursor) {\n    settlements(first: $first, after: $after) {\n      cursor\n      nodes {\n        txHash logIndex readAt mintedWh isFinal blockNumber\n        source { name }\n        issuance { parts { amount shareCount } }\n      }\n    }\n  }\n": types.CreditsDocument,
    "\n  query MemberEnergy($since: DateTime!, $until: DateTime!, $resolution: Resolution!, $zone: String!) {\n    members(first: 10) {\n      nodes {\n        id\n        energyConsumptionUnits { id }\n        energy(since: $since, until: $until, resolution: $resolution, zone: $zone) {\n          starts consumptionWh productionShare covered fromGrid surplus consumptionMissing productionMissing\n          total { consumptionWh productionShare covered consumptionMissing productionMissing }\n        }\n      }\n    }\n  }\n": types.MemberEnergyDocument,
    "\n  mutation WalletLinkChallenge($memberId: ID!, $address: Address!) {\n    walletLinkChallenge(memberId: $memberId, address: $address) {\n      __typename\n      ... on WalletChallengeMade { nonce typedData }\n      ... on Problem { sentence }\n    }\n  }\n": types.WalletLinkChallengeDocument,
    "\n  mutation LinkWallet($memberId: ID!, $nonce: Hash!, $signature: Hex!, $command: CommandInput!) {\n    linkWallet(memberId: $memberId, nonce: $nonce, signature: $signature, command: $command) {\n      __typename\n      ... on Problem { sentence }\n    }\n  }\n": types.LinkWalletDocument,
    "\n  subscription Balances($after: Cursor) {\n    balances(after: $after) {\n      cursor\n      nodes { member { id name } final mintedNotFinal earnedNotYetMinted verifiedUntil }\n    }\n  }\n": types.BalancesDocument,
    "\n  query Shares {\n    members(first: 10) { nodes { id name shares { shareCount shareTotal address source { id name nameplateW } } } }\n  }\n": types.SharesDocument,
    "\n  query ShareHistory {\n    energySources(first: 50) {\n      nodes { id name shareTables { id revision validFrom validTo shareTotal shares { shareCount holder { id name } } } }\n    }\n  }\n": types.ShareHistoryDocument,
    "\n  query Transfers($first: PageSize!, $after: Cursor) {\n    viewer { identity { coinAddresses { address } } }\n    transfers(first: $first, after: $after) {\n      nodes { txHash logIndex blockNumber sender recipient amount kind at isFinal }\n      pageInfo { hasNextPage endCursor }\n    }\n  }\n": types.TransfersDocument,
    "\n  query Addresses { members(first: 10) { nodes { id name coinAddresses { chain address path validFrom validTo } } } }\n": types.AddressesDocument,
    "\n  subscription News($after: Cursor) {\n    notifications(first: 50, after: $after) {\n      cursor unreadCount\n      nodes { id kind at readAt effectiveAt energyWh amount isLess shareCountBefore shareCountAfter sentence source { name } }\n    }\n  }\n": types.NewsDocument,
    "query NewestOfEach { members(first: 10) { nodes { id notifications(first: 1) { nodes { id } } } } }": types.NewestOfEachDocument,
    "\n  mutation MarkNotificationsRead($memberId: ID!, $upTo: ID!, $command: CommandInput!) {\n    markNotificationsRead(memberId: $memberId, upTo: $upTo, command: $command) { __typename ... on Problem { sentence } }\n  }\n": types.MarkNotificationsReadDocument,
    "\n  subscription AllBalances($after: Cursor) {\n    balances(after: $after) { cursor nodes { member { id name } final mintedNotFinal earnedNotYetMinted } }\n  }\n": types.AllBalancesDocument,
    "\n  mutation DisposeBreak($breakId: ID!, $owner: String!, $disposition: String!, $command: CommandInput!) {\n    disposeBreak(breakId: $breakId, owner: $owner, disposition: $disposition, command: $command) { __typename ... on Problem { sentence } }\n  }\n": types.DisposeBreakDocument,
    "\n  mutation NoteBreak($breakId: ID!, $text: String!, $command: CommandInput!) {\n    noteBreak(breakId: $breakId, text: $text, command: $command) { __typename ... on Problem { sentence } }\n  }\n": types.NoteBreakDocument,
    "\n  mutation CloseBreak($breakId: ID!, $command: CommandInput!) {\n    closeBreak(breakId: $breakId, command: $command) { __typename ... on Problem { sentence } }\n  }\n": types.CloseBreakDocument,
    "\n  query Completeness($firstDay: Date!, $lastDay: Date!, $zone: String!) {\n    meteringPoints(first: 500) {\n      nodes { id name direction completeness(firstDay: $firstDay, lastDay: $lastDay, zone: $zone) { days expected known estimated suspect missing } }\n    }\n  }\n": types.CompletenessDocument,
    "\n  query GapsOf($id: ID!) { gaps(meteringPointId: $id, first: 50) { nodes { id startsAt endsAt state energyWh } } }\n": types.GapsOfDocument,
    "query Plants { energySources(first: 200) { nodes { id name } } }": types.PlantsDocument,
    "\n  query CorrectionPreview($sourceId: ID!, $kind: CorrectionKind!, $energyWh: WattHours!) {\n    correctionPreview(sourceId: $sourceId, kind: $kind, energyWh: $energyWh) {\n      before { verifiedWh mintedWh supplementWh debtWh }\n      after { verifiedWh mintedWh supplementWh debtWh }\n      effects { difference holder { id name } }\n    }\n  }\n": types.CorrectionPreviewDocument,
    "\n  mutation RecordCorrection($sourceId: ID!, $kind: CorrectionKind!, $energyWh: WattHours!, $evidence: Hash!, $command: CommandInput!) {\n    recordCorrection(sourceId: $sourceId, kind: $kind, energyWh: $energyWh, evidence: $evidence, command: $command) {\n      __typename\n      ... on CorrectionRecorded { calldata }\n      ... on Problem { sentence }\n    }\n  }\n": types.RecordCorrectionDocument,
    "\n  query Device($id: ID!) {\n    identity(id: $id) {\n      __typename id name\n      ... on Device {\n        eui payloadFormat profile state onboarding approvedAt lastSeenAt\n        health { ...HealthOf }\n        provisionalReadings { at registersWh }\n        keys { number kid publicKey isDevelopmentKey validFrom validTo }\n        installations {\n          id validFrom validTo factor maxPowerW\n          meter { serial maker model registers { obis } }\n          meteringPoint {\n            id name code direction\n            measurements(first: 12) {\n              nodes {\n                id at registerWh readOffsetS recordedAt register { obis }\n                device { id }\n                statement { counter format signed publicKey }\n              }\n            }\n          }\n        }\n      }\n    }\n  }\n": types.DeviceDocument,
    "\n  query Devices {\n    devices(first: 500) { nodes { id name eui payloadFormat state lastSeenAt hasDevelopmentKey installations { validTo meteringPoint { id name } } } }\n  }\n": types.DevicesDocument,
    "\n  fragment HealthOf on DeviceHealth {\n    missing24h { expected present perMille }\n    missing7d { expected present perMille }\n    missing30d { expected present perMille }\n    signatureFailures counterAnomalies clockDriftMs clockDrifts airtimeMs\n  }\n": types.HealthOfFragmentDoc,
    "\n  mutation ImportFiles($community: String!, $files: [ImportFile!]!, $command: CommandInput!, $dryRun: Boolean!) {\n    importFiles(community: $community, files: $files, command: $command, dryRun: $dryRun) {\n      __typename\n      ... on ImportDone {\n        committed\n        counts { file rows entered unchanged }\n        problems { file row column value what remedy }\n      }\n      ... on Problem { sentence }\n    }\n  }\n": types.ImportFilesDocument,
    "query MembersToHold { members(first: 500) { nodes { id name } } }": types.MembersToHoldDocument,
    "\n  query SharePreview($sourceId: ID!, $validFrom: DateTime!, $shares: [ShareInput!]!) {\n    sharePreview(sourceId: $sourceId, validFrom: $validFrom, shares: $shares) {\n      __typename\n      ... on SharePreview { revision configHash validFrom changes { before after holder { id name } } }\n      ... on Problem { sentence }\n    }\n  }\n": types.SharePreviewDocument,
    "\n  mutation ProposeShareTable($sourceId: ID!, $validFrom: DateTime!, $shares: [ShareInput!]!, $command: CommandInput!) {\n    proposeShareTable(sourceId: $sourceId, validFrom: $validFrom, shares: $shares, command: $command) {\n      __typename\n      ... on Problem { sentence }\n    }\n  }\n": types.ProposeShareTableDocument,
    "\n  query WaitingRevisions {\n    shareRevisions(first: 100) {\n      nodes { id validFrom reason proposedBy isProposedByViewer proposedAt source { id name } changes { before after holder { id name } } }\n    }\n  }\n": types.WaitingRevisionsDocument,
    "\n  mutation ApproveShareTable($revisionId: ID!, $command: CommandInput!) {\n    approveShareTable(revisionId: $revisionId, command: $command) { __typename ... on Problem { sentence } }\n  }\n": types.ApproveShareTableDocument,
    "\n  mutation RejectShareTable($revisionId: ID!, $command: CommandInput!) {\n    rejectShareTable(revisionId: $revisionId, command: $command) { __typename ... on Problem { sentence } }\n  }\n": types.RejectShareTableDocument,
    "\n  query ShareRegister {\n    energySources(first: 100) {\n      nodes {\n        id name shareTotal\n        shareTables { id revision shareTotal configHash validFrom validTo shares { shareCount address holder { id name } } }\n      }\n    }\n  }\n": types.ShareRegisterDocument,
    "\n  subscription Head($after: Cursor) {\n    chainHead(after: $after) { cursor chainHead { chainId head headHash finalised nodeHead lag updatedAt } }\n  }\n": types.HeadDocument,
    "\n  query Attempts {\n    supply { token minted burned }\n    issuances(first: 25) {\n      nodes { id state source { name } attempts { number nonce account maxFeeWei state txHash requestedAt signedAt } }\n    }\n    auditEntries(first: 25) { nodes { id actor command subject reason recordedAt } }\n  }\n": types.AttemptsDocument,
    "\n  query Queues {\n    devices(first: 500) { nodes { id name eui state onboarding keys { kid } } }\n    silentDevices(silentForS: 2700, first: 50) { nodes { id name eui lastSeenAt } }\n    inbox { deviceEui deviceName reason frames firstAt adoptableUntil }\n    evidenceGaps { id deviceName deviceEui kind first last state sinceAt asked lastAskedAt }\n    gaps(open: true, first: 50) { nodes { id startsAt endsAt meteringPoint { id name } } }\n    failedTransactions(first: 50) { nodes { id periodStart periodEnd state failure source { name } } }\n  }\n": types.QueuesDocument,
    "\n  subscription Quarantine($after: Cursor) {\n    quarantine(first: 20, after: $after) { cursor nodes { id reason detail recordedAt deviceEui device { id name } } }\n  }\n": types.QuarantineDocument,
    "\n  mutation ApproveDevice($deviceId: ID!, $command: CommandInput!) {\n    approveDevice(deviceId: $deviceId, command: $command) { __typename ... on Problem { sentence } }\n  }\n": types.ApproveDeviceDocument,
    "\n  mutation RevokeDevice($deviceId: ID!, $command: CommandInput!) {\n    revokeDevice(deviceId: $deviceId, command: $command) { __typename ... on Problem { sentence } }\n  }\n": types.RevokeDeviceDocument,
    "\n  mutation ResolveQuarantine($entryId: ID!, $resolution: String!, $command: CommandInput!) {\n    resolveQuarantine(entryId: $entryId, resolution: $resolution, command: $command) { __typename ... on Problem { sentence } }\n  }\n": types.ResolveQuarantineDocument,
    "\n  mutation ConfirmSerial($deviceId: ID!, $serial: String!, $command: CommandInput!) {\n    confirmSerial(deviceId: $deviceId, serial: $serial, command: $command) { __typename ... on Problem { sentence } }\n  }\n": types.ConfirmSerialDocument,
    "\n  mutation BindDeviceKey($deviceId: ID!, $publicKey: Hex!, $command: CommandInput!) {\n    bindDeviceKey(deviceId: $deviceId, publicKey: $publicKey, command: $command) { __typename ... on Problem { sentence } }\n  }\n": types.BindDeviceKeyDocument,
    "\n  mutation ApproveForIssuance($deviceId: ID!, $waiver: String, $command: CommandInput!) {\n    approveForIssuance(deviceId: $deviceId, waiver: $waiver, command: $command) { __typename ... on Problem { sentence } }\n  }\n": types.ApproveForIssuanceDocument,
    "\n  query DevicesOnWay($after: Cursor) {\n    devices(first: 500, after: $after) {\n      nodes { id name eui state onboarding installations { validTo meteringPoint { id direction } } }\n      pageInfo { hasNextPage endCursor }\n    }\n    energySources(first: 500) { nodes { id approvedAt meteringPoint { id } } }\n  }\n": types.DevicesOnWayDocument,
    "\n  query DeviceOnWay($id: ID!) {\n    identity(id: $id) {\n      __typename\n      ... on Device {\n        id name eui state onboarding lastSeenAt\n        keys { number kid isDevelopmentKey }\n        installations {\n          id validFrom validTo\n          meter { serial maker model }\n          meteringPoint { id code name direction measurements(first: 1) { nodes { id at registerWh device { id } } } }\n        }\n      }\n    }\n    energySources(first: 500) { nodes { id name approvedAt meteringPoint { id } } }\n  }\n": types.DeviceOnWayDocument,
    "query InboxOnWay { inbox { deviceEui frames } }": types.InboxOnWayDocument,
    "\n  query Corrections {\n    corrections(first: 50) { nodes { id kind energyWh evidence reason recordedAt source { id name } } }\n  }\n": types.CorrectionsDocument,
    "query SourceNames { energySources(first: 200) { nodes { id name } } }": types.SourceNamesDocument,
    "\n  subscription Run($after: Cursor) {\n    breaks(first: 50, after: $after) {\n      cursor\n      nodes { id kind severity openedAt detail owner disposition source { name } }\n      reconciliation { verifiedWh issuedWh settledWh pendingWh agrees matchCount breakCount startedAt finalisedBlock }\n    }\n  }\n": types.RunDocument,
    "\n  query Community($since: DateTime!, $until: DateTime!, $zone: String!) {\n    community {\n      memberCount sourceCount nameplateW verifiedWh minted agrees comparedAt finalisedBlock openBreakCount completenessPerMille\n      energy(since: $since, until: $until, resolution: DAY, zone: $zone) { starts productionWh consumptionWh }\n    }\n  }\n": types.CommunityDocument,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query Who { viewer { role } }"): typeof import('./graphql').WhoDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query Viewer { viewer { role label identity { __typename id name } } }"): typeof import('./graphql').ViewerDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation SignInMessage($address: Address!) {\n    signInMessage(address: $address) {\n      __typename\n      ... on SignInAsked { nonce message }\n      ... on Problem { sentence }\n    }\n  }\n"): typeof import('./graphql').SignInMessageDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation SignInWithWallet($nonce: Hex!, $signature: Hex!) {\n    signInWithWallet(nonce: $nonce, signature: $signature) {\n      __typename\n      ... on SignedIn { token }\n      ... on Problem { sentence }\n    }\n  }\n"): typeof import('./graphql').SignInWithWalletDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Breaks($open: Boolean) {\n    breaks(open: $open, first: 100) {\n      nodes {\n        id kind severity subject detail expected found openedAt closedAt closedBy owner disposition\n        source { name } story { at actor action text }\n      }\n    }\n  }\n"): typeof import('./graphql').BreaksDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Reconciled($since: DateTime!, $until: DateTime!, $sourceId: ID, $first: PageSize!) {\n    reconciled(since: $since, until: $until, sourceId: $sourceId, first: $first) {\n      nodes { periodStart periodEnd energyWh amount state explained txHash blockNumber issuance { id fromWh toWh } source { name } }\n      pageInfo { hasNextPage }\n    }\n  }\n"): typeof import('./graphql').ReconciledDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query FinalisedBlock { reconciliation { finalisedHash } }"): typeof import('./graphql').FinalisedBlockDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Totals {\n    supply { token minted burned finalMinted finalBurned }\n    balances { member { id name } final mintedNotFinal earnedNotYetMinted }\n    chainHead { head finalised headHash }\n  }\n"): typeof import('./graphql').TotalsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Evidence($since: DateTime!, $until: DateTime!, $sourceId: ID, $first: PageSize!, $after: Cursor) {\n    reconciled(since: $since, until: $until, sourceId: $sourceId, first: $first, after: $after) {\n      nodes {\n        periodStart periodEnd energyWh amount state txHash blockNumber\n        source { name sourceRef }\n        issuance {\n          id fromWh toWh\n          measurement {\n            at registerWh register { obis }\n            device { eui }\n            statement { digest counter format firstAt readingCount signed keyNumber kid publicKey isDevelopmentKey recordedAt }\n          }\n        }\n      }\n      pageInfo { hasNextPage endCursor }\n    }\n  }\n"): typeof import('./graphql').EvidenceDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query CreditStory($tx: Hash!) {\n    viewer { role }\n    transfers(txHash: $tx, first: 1) {\n      nodes {\n        settlement {\n          blockNumber\n          issuance {\n            id energyWh fromWh toWh periodStart periodEnd shareTotal\n            source { name }\n            parts { shareCount amount holder { name } }\n            measurement {\n              statement { counter kid isDevelopmentKey recordedAt format signed publicKey }\n            }\n          }\n        }\n      }\n    }\n  }\n"): typeof import('./graphql').CreditStoryDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  subscription Credits($first: PageSize!, $after: Cursor) {\n    settlements(first: $first, after: $after) {\n      cursor\n      nodes {\n        txHash logIndex readAt mintedWh isFinal blockNumber\n        source { name }\n        issuance { parts { amount shareCount } }\n      }\n    }\n  }\n"): typeof import('./graphql').CreditsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query MemberEnergy($since: DateTime!, $until: DateTime!, $resolution: Resolution!, $zone: String!) {\n    members(first: 10) {\n      nodes {\n        id\n        energyConsumptionUnits { id }\n        energy(since: $since, until: $until, resolution: $resolution, zone: $zone) {\n          starts consumptionWh productionShare covered fromGrid surplus consumptionMissing productionMissing\n          total { consumptionWh productionShare covered consumptionMissing productionMissing }\n        }\n      }\n    }\n  }\n"): typeof import('./graphql').MemberEnergyDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation WalletLinkChallenge($memberId: ID!, $address: Address!) {\n    walletLinkChallenge(memberId: $memberId, address: $address) {\n      __typename\n      ... on WalletChallengeMade { nonce typedData }\n      ... on Problem { sentence }\n    }\n  }\n"): typeof import('./graphql').WalletLinkChallengeDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation LinkWallet($memberId: ID!, $nonce: Hash!, $signature: Hex!, $command: CommandInput!) {\n    linkWallet(memberId: $memberId, nonce: $nonce, signature: $signature, command: $command) {\n      __typename\n      ... on Problem { sentence }\n    }\n  }\n"): typeof import('./graphql').LinkWalletDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  subscription Balances($after: Cursor) {\n    balances(after: $after) {\n      cursor\n      nodes { member { id name } final mintedNotFinal earnedNotYetMinted verifiedUntil }\n    }\n  }\n"): typeof import('./graphql').BalancesDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Shares {\n    members(first: 10) { nodes { id name shares { shareCount shareTotal address source { id name nameplateW } } } }\n  }\n"): typeof import('./graphql').SharesDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query ShareHistory {\n    energySources(first: 50) {\n      nodes { id name shareTables { id revision validFrom validTo shareTotal shares { shareCount holder { id name } } } }\n    }\n  }\n"): typeof import('./graphql').ShareHistoryDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Transfers($first: PageSize!, $after: Cursor) {\n    viewer { identity { coinAddresses { address } } }\n    transfers(first: $first, after: $after) {\n      nodes { txHash logIndex blockNumber sender recipient amount kind at isFinal }\n      pageInfo { hasNextPage endCursor }\n    }\n  }\n"): typeof import('./graphql').TransfersDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Addresses { members(first: 10) { nodes { id name coinAddresses { chain address path validFrom validTo } } } }\n"): typeof import('./graphql').AddressesDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  subscription News($after: Cursor) {\n    notifications(first: 50, after: $after) {\n      cursor unreadCount\n      nodes { id kind at readAt effectiveAt energyWh amount isLess shareCountBefore shareCountAfter sentence source { name } }\n    }\n  }\n"): typeof import('./graphql').NewsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query NewestOfEach { members(first: 10) { nodes { id notifications(first: 1) { nodes { id } } } } }"): typeof import('./graphql').NewestOfEachDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation MarkNotificationsRead($memberId: ID!, $upTo: ID!, $command: CommandInput!) {\n    markNotificationsRead(memberId: $memberId, upTo: $upTo, command: $command) { __typename ... on Problem { sentence } }\n  }\n"): typeof import('./graphql').MarkNotificationsReadDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  subscription AllBalances($after: Cursor) {\n    balances(after: $after) { cursor nodes { member { id name } final mintedNotFinal earnedNotYetMinted } }\n  }\n"): typeof import('./graphql').AllBalancesDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation DisposeBreak($breakId: ID!, $owner: String!, $disposition: String!, $command: CommandInput!) {\n    disposeBreak(breakId: $breakId, owner: $owner, disposition: $disposition, command: $command) { __typename ... on Problem { sentence } }\n  }\n"): typeof import('./graphql').DisposeBreakDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation NoteBreak($breakId: ID!, $text: String!, $command: CommandInput!) {\n    noteBreak(breakId: $breakId, text: $text, command: $command) { __typename ... on Problem { sentence } }\n  }\n"): typeof import('./graphql').NoteBreakDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation CloseBreak($breakId: ID!, $command: CommandInput!) {\n    closeBreak(breakId: $breakId, command: $command) { __typename ... on Problem { sentence } }\n  }\n"): typeof import('./graphql').CloseBreakDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Completeness($firstDay: Date!, $lastDay: Date!, $zone: String!) {\n    meteringPoints(first: 500) {\n      nodes { id name direction completeness(firstDay: $firstDay, lastDay: $lastDay, zone: $zone) { days expected known estimated suspect missing } }\n    }\n  }\n"): typeof import('./graphql').CompletenessDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query GapsOf($id: ID!) { gaps(meteringPointId: $id, first: 50) { nodes { id startsAt endsAt state energyWh } } }\n"): typeof import('./graphql').GapsOfDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query Plants { energySources(first: 200) { nodes { id name } } }"): typeof import('./graphql').PlantsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query CorrectionPreview($sourceId: ID!, $kind: CorrectionKind!, $energyWh: WattHours!) {\n    correctionPreview(sourceId: $sourceId, kind: $kind, energyWh: $energyWh) {\n      before { verifiedWh mintedWh supplementWh debtWh }\n      after { verifiedWh mintedWh supplementWh debtWh }\n      effects { difference holder { id name } }\n    }\n  }\n"): typeof import('./graphql').CorrectionPreviewDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation RecordCorrection($sourceId: ID!, $kind: CorrectionKind!, $energyWh: WattHours!, $evidence: Hash!, $command: CommandInput!) {\n    recordCorrection(sourceId: $sourceId, kind: $kind, energyWh: $energyWh, evidence: $evidence, command: $command) {\n      __typename\n      ... on CorrectionRecorded { calldata }\n      ... on Problem { sentence }\n    }\n  }\n"): typeof import('./graphql').RecordCorrectionDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Device($id: ID!) {\n    identity(id: $id) {\n      __typename id name\n      ... on Device {\n        eui payloadFormat profile state onboarding approvedAt lastSeenAt\n        health { ...HealthOf }\n        provisionalReadings { at registersWh }\n        keys { number kid publicKey isDevelopmentKey validFrom validTo }\n        installations {\n          id validFrom validTo factor maxPowerW\n          meter { serial maker model registers { obis } }\n          meteringPoint {\n            id name code direction\n            measurements(first: 12) {\n              nodes {\n                id at registerWh readOffsetS recordedAt register { obis }\n                device { id }\n                statement { counter format signed publicKey }\n              }\n            }\n          }\n        }\n      }\n    }\n  }\n"): typeof import('./graphql').DeviceDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Devices {\n    devices(first: 500) { nodes { id name eui payloadFormat state lastSeenAt hasDevelopmentKey installations { validTo meteringPoint { id name } } } }\n  }\n"): typeof import('./graphql').DevicesDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  fragment HealthOf on DeviceHealth {\n    missing24h { expected present perMille }\n    missing7d { expected present perMille }\n    missing30d { expected present perMille }\n    signatureFailures counterAnomalies clockDriftMs clockDrifts airtimeMs\n  }\n"): typeof import('./graphql').HealthOfFragmentDoc;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation ImportFiles($community: String!, $files: [ImportFile!]!, $command: CommandInput!, $dryRun: Boolean!) {\n    importFiles(community: $community, files: $files, command: $command, dryRun: $dryRun) {\n      __typename\n      ... on ImportDone {\n        committed\n        counts { file rows entered unchanged }\n        problems { file row column value what remedy }\n      }\n      ... on Problem { sentence }\n    }\n  }\n"): typeof import('./graphql').ImportFilesDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query MembersToHold { members(first: 500) { nodes { id name } } }"): typeof import('./graphql').MembersToHoldDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query SharePreview($sourceId: ID!, $validFrom: DateTime!, $shares: [ShareInput!]!) {\n    sharePreview(sourceId: $sourceId, validFrom: $validFrom, shares: $shares) {\n      __typename\n      ... on SharePreview { revision configHash validFrom changes { before after holder { id name } } }\n      ... on Problem { sentence }\n    }\n  }\n"): typeof import('./graphql').SharePreviewDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation ProposeShareTable($sourceId: ID!, $validFrom: DateTime!, $shares: [ShareInput!]!, $command: CommandInput!) {\n    proposeShareTable(sourceId: $sourceId, validFrom: $validFrom, shares: $shares, command: $command) {\n      __typename\n      ... on Problem { sentence }\n    }\n  }\n"): typeof import('./graphql').ProposeShareTableDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query WaitingRevisions {\n    shareRevisions(first: 100) {\n      nodes { id validFrom reason proposedBy isProposedByViewer proposedAt source { id name } changes { before after holder { id name } } }\n    }\n  }\n"): typeof import('./graphql').WaitingRevisionsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation ApproveShareTable($revisionId: ID!, $command: CommandInput!) {\n    approveShareTable(revisionId: $revisionId, command: $command) { __typename ... on Problem { sentence } }\n  }\n"): typeof import('./graphql').ApproveShareTableDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation RejectShareTable($revisionId: ID!, $command: CommandInput!) {\n    rejectShareTable(revisionId: $revisionId, command: $command) { __typename ... on Problem { sentence } }\n  }\n"): typeof import('./graphql').RejectShareTableDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query ShareRegister {\n    energySources(first: 100) {\n      nodes {\n        id name shareTotal\n        shareTables { id revision shareTotal configHash validFrom validTo shares { shareCount address holder { id name } } }\n      }\n    }\n  }\n"): typeof import('./graphql').ShareRegisterDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  subscription Head($after: Cursor) {\n    chainHead(after: $after) { cursor chainHead { chainId head headHash finalised nodeHead lag updatedAt } }\n  }\n"): typeof import('./graphql').HeadDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Attempts {\n    supply { token minted burned }\n    issuances(first: 25) {\n      nodes { id state source { name } attempts { number nonce account maxFeeWei state txHash requestedAt signedAt } }\n    }\n    auditEntries(first: 25) { nodes { id actor command subject reason recordedAt } }\n  }\n"): typeof import('./graphql').AttemptsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Queues {\n    devices(first: 500) { nodes { id name eui state onboarding keys { kid } } }\n    silentDevices(silentForS: 2700, first: 50) { nodes { id name eui lastSeenAt } }\n    inbox { deviceEui deviceName reason frames firstAt adoptableUntil }\n    evidenceGaps { id deviceName deviceEui kind first last state sinceAt asked lastAskedAt }\n    gaps(open: true, first: 50) { nodes { id startsAt endsAt meteringPoint { id name } } }\n    failedTransactions(first: 50) { nodes { id periodStart periodEnd state failure source { name } } }\n  }\n"): typeof import('./graphql').QueuesDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  subscription Quarantine($after: Cursor) {\n    quarantine(first: 20, after: $after) { cursor nodes { id reason detail recordedAt deviceEui device { id name } } }\n  }\n"): typeof import('./graphql').QuarantineDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation ApproveDevice($deviceId: ID!, $command: CommandInput!) {\n    approveDevice(deviceId: $deviceId, command: $command) { __typename ... on Problem { sentence } }\n  }\n"): typeof import('./graphql').ApproveDeviceDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation RevokeDevice($deviceId: ID!, $command: CommandInput!) {\n    revokeDevice(deviceId: $deviceId, command: $command) { __typename ... on Problem { sentence } }\n  }\n"): typeof import('./graphql').RevokeDeviceDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation ResolveQuarantine($entryId: ID!, $resolution: String!, $command: CommandInput!) {\n    resolveQuarantine(entryId: $entryId, resolution: $resolution, command: $command) { __typename ... on Problem { sentence } }\n  }\n"): typeof import('./graphql').ResolveQuarantineDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation ConfirmSerial($deviceId: ID!, $serial: String!, $command: CommandInput!) {\n    confirmSerial(deviceId: $deviceId, serial: $serial, command: $command) { __typename ... on Problem { sentence } }\n  }\n"): typeof import('./graphql').ConfirmSerialDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation BindDeviceKey($deviceId: ID!, $publicKey: Hex!, $command: CommandInput!) {\n    bindDeviceKey(deviceId: $deviceId, publicKey: $publicKey, command: $command) { __typename ... on Problem { sentence } }\n  }\n"): typeof import('./graphql').BindDeviceKeyDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation ApproveForIssuance($deviceId: ID!, $waiver: String, $command: CommandInput!) {\n    approveForIssuance(deviceId: $deviceId, waiver: $waiver, command: $command) { __typename ... on Problem { sentence } }\n  }\n"): typeof import('./graphql').ApproveForIssuanceDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query DevicesOnWay($after: Cursor) {\n    devices(first: 500, after: $after) {\n      nodes { id name eui state onboarding installations { validTo meteringPoint { id direction } } }\n      pageInfo { hasNextPage endCursor }\n    }\n    energySources(first: 500) { nodes { id approvedAt meteringPoint { id } } }\n  }\n"): typeof import('./graphql').DevicesOnWayDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query DeviceOnWay($id: ID!) {\n    identity(id: $id) {\n      __typename\n      ... on Device {\n        id name eui state onboarding lastSeenAt\n        keys { number kid isDevelopmentKey }\n        installations {\n          id validFrom validTo\n          meter { serial maker model }\n          meteringPoint { id code name direction measurements(first: 1) { nodes { id at registerWh device { id } } } }\n        }\n      }\n    }\n    energySources(first: 500) { nodes { id name approvedAt meteringPoint { id } } }\n  }\n"): typeof import('./graphql').DeviceOnWayDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query InboxOnWay { inbox { deviceEui frames } }"): typeof import('./graphql').InboxOnWayDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Corrections {\n    corrections(first: 50) { nodes { id kind energyWh evidence reason recordedAt source { id name } } }\n  }\n"): typeof import('./graphql').CorrectionsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query SourceNames { energySources(first: 200) { nodes { id name } } }"): typeof import('./graphql').SourceNamesDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  subscription Run($after: Cursor) {\n    breaks(first: 50, after: $after) {\n      cursor\n      nodes { id kind severity openedAt detail owner disposition source { name } }\n      reconciliation { verifiedWh issuedWh settledWh pendingWh agrees matchCount breakCount startedAt finalisedBlock }\n    }\n  }\n"): typeof import('./graphql').RunDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Community($since: DateTime!, $until: DateTime!, $zone: String!) {\n    community {\n      memberCount sourceCount nameplateW verifiedWh minted agrees comparedAt finalisedBlock openBreakCount completenessPerMille\n      energy(since: $since, until: $until, resolution: DAY, zone: $zone) { starts productionWh consumptionWh }\n    }\n  }\n"): typeof import('./graphql').CommunityDocument;


export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}
