/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** What every command carries. Repeating one with the same key does nothing again. */
export type CommandInput = {
  /** At least 8 characters that are new for each command: a random text. */
  idempotencyKey: string;
  /** Why, for the audit log. */
  reason: string;
};

/** DEBT: too much was minted; SUPPLEMENT: too little, and no later reading will show it. */
export type CorrectionKind =
  | 'DEBT'
  | 'SUPPLEMENT';

/** One file: what is in it, and its text. */
export type ImportFile = {
  /** CSV with a header row, as docs/bulk-import.md says. */
  content: string;
  /** What is in it. */
  kind: ImportKind;
};

/** What is in a file, in the order in which files are taken in. */
export type ImportKind =
  | 'DEVICES'
  | 'INSTALLATIONS'
  | 'MEMBERS'
  | 'METERING_POINTS'
  | 'METERS'
  | 'SHARES'
  | 'SOURCES';

/** CORRECTION_RECORDED: a source's energy was corrected; SUPPLEMENT_MINTED: what was minted too little came; SHARES_CHANGED: other shares from an instant on; KEY_REVOKED: a device's key is not believed from an instant on. */
export type NotificationKind =
  | 'CORRECTION_RECORDED'
  | 'KEY_REVOKED'
  | 'SHARES_CHANGED'
  | 'SUPPLEMENT_MINTED';

/** How finely energy is told. */
export type Resolution =
  | 'DAY'
  | 'HOUR'
  | 'INTERVAL'
  | 'MONTH';

/** A member's part of the source: so many of its shares. */
export type ShareInput = {
  /** The member. */
  memberId: string | number;
  /** His shares; all together are the source's total. */
  shareCount: number;
};

export type WhoQueryVariables = Exact<{ [key: string]: never; }>;


export type WhoQuery = { viewer: { role: string } };

export type ViewerQueryVariables = Exact<{ [key: string]: never; }>;


export type ViewerQuery = { viewer: { role: string, label: string, identity:
      | { __typename: 'Device', id: string, name: string }
      | { __typename: 'EnergyConsumptionUnit', id: string, name: string }
      | { __typename: 'EnergySource', id: string, name: string }
      | { __typename: 'Member', id: string, name: string }
      | { __typename: 'User', id: string, name: string }
     | null } };

export type SignInMessageMutationVariables = Exact<{
  address: string;
}>;


export type SignInMessageMutation = { signInMessage:
    | { __typename: 'Problem', sentence: string }
    | { __typename: 'SignInAsked', nonce: string, message: string }
   };

export type SignInWithWalletMutationVariables = Exact<{
  nonce: string;
  signature: string;
}>;


export type SignInWithWalletMutation = { signInWithWallet:
    | { __typename: 'Problem', sentence: string }
    | { __typename: 'SignedIn', token: string }
   };

export type BreaksQueryVariables = Exact<{
  open?: boolean | null | undefined;
}>;


export type BreaksQuery = { breaks: { nodes: Array<{ id: string, kind: string, severity: string, subject: string, detail: string, expected: string | null, found: string | null, openedAt: string, closedAt: string | null, closedBy: string | null, owner: string | null, disposition: string | null, source: { name: string } | null, story: Array<{ at: string, actor: string, action: string, text: string }> }> } };

export type ReconciledQueryVariables = Exact<{
  since: string;
  until: string;
  sourceId?: string | number | null | undefined;
  first: number;
}>;


export type ReconciledQuery = { reconciled: { nodes: Array<{ periodStart: string, periodEnd: string, energyWh: number, amount: string, state: string, explained: boolean, txHash: string | null, blockNumber: number | null, issuance: { id: string, fromWh: number, toWh: number } | null, source: { name: string } | null }>, pageInfo: { hasNextPage: boolean } } };

export type FinalisedBlockQueryVariables = Exact<{ [key: string]: never; }>;


export type FinalisedBlockQuery = { reconciliation: { finalisedHash: string } | null };

export type TotalsQueryVariables = Exact<{ [key: string]: never; }>;


export type TotalsQuery = { supply: Array<{ token: string, minted: string, burned: string, finalMinted: string, finalBurned: string }>, balances: Array<{ final: string, mintedNotFinal: string, earnedNotYetMinted: string, member: { id: string, name: string } | null }>, chainHead: { head: number, finalised: number, headHash: string } | null };

export type EvidenceQueryVariables = Exact<{
  since: string;
  until: string;
  sourceId?: string | number | null | undefined;
  first: number;
  after?: string | null | undefined;
}>;


export type EvidenceQuery = { reconciled: { nodes: Array<{ periodStart: string, periodEnd: string, energyWh: number, amount: string, state: string, txHash: string | null, blockNumber: number | null, source: { name: string, sourceRef: string } | null, issuance: { id: string, fromWh: number, toWh: number, measurement: { at: string, registerWh: number, register: { obis: string }, device: { eui: string } | null, statement: { digest: string, counter: number, format: string, firstAt: string, readingCount: number, signed: string, keyNumber: number, kid: string, publicKey: string, isDevelopmentKey: boolean, recordedAt: string } | null } | null } | null }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type CreditStoryQueryVariables = Exact<{
  tx: string;
}>;


export type CreditStoryQuery = { viewer: { role: string }, transfers: { nodes: Array<{ settlement: { blockNumber: number, issuance: { id: string, energyWh: number, fromWh: number, toWh: number, periodStart: string, periodEnd: string, shareTotal: number, source: { name: string } | null, parts: Array<{ shareCount: number, amount: string, holder: { name: string } | null }>, measurement: { statement: { counter: number, kid: string, isDevelopmentKey: boolean, recordedAt: string, format: string, signed: string, publicKey: string } | null } | null } | null } | null }> } };

export type CreditsSubscriptionVariables = Exact<{
  first: number;
  after?: string | null | undefined;
}>;


export type CreditsSubscription = { settlements: { cursor: string, nodes: Array<{ txHash: string, logIndex: number, readAt: string, mintedWh: number, isFinal: boolean, blockNumber: number, source: { name: string } | null, issuance: { parts: Array<{ amount: string, shareCount: number }> } | null }> } };

export type MemberEnergyQueryVariables = Exact<{
  since: string;
  until: string;
  resolution: Resolution;
  zone: string;
}>;


export type MemberEnergyQuery = { members: { nodes: Array<{ id: string, energyConsumptionUnits: Array<{ id: string }>, energy: { starts: Array<string>, consumptionWh: Array<number | null>, productionShare: Array<string | null>, covered: Array<string>, fromGrid: Array<string>, surplus: Array<string>, consumptionMissing: Array<number>, productionMissing: Array<number>, total: { consumptionWh: number, productionShare: string, covered: string, consumptionMissing: number, productionMissing: number } } | null }> } };

export type WalletLinkChallengeMutationVariables = Exact<{
  memberId: string | number;
  address: string;
}>;


export type WalletLinkChallengeMutation = { walletLinkChallenge:
    | { __typename: 'Problem', sentence: string }
    | { __typename: 'WalletChallengeMade', nonce: string, typedData: string }
   };

export type LinkWalletMutationVariables = Exact<{
  memberId: string | number;
  nonce: string;
  signature: string;
  command: CommandInput;
}>;


export type LinkWalletMutation = { linkWallet:
    | { __typename: 'Problem', sentence: string }
    | { __typename: 'WalletDecided' }
   };

export type BalancesSubscriptionVariables = Exact<{
  after?: string | null | undefined;
}>;


export type BalancesSubscription = { balances: { cursor: string, nodes: Array<{ final: string, mintedNotFinal: string, earnedNotYetMinted: string, verifiedUntil: string | null, member: { id: string, name: string } | null }> } };

export type SharesQueryVariables = Exact<{ [key: string]: never; }>;


export type SharesQuery = { members: { nodes: Array<{ id: string, name: string, shares: Array<{ shareCount: number, shareTotal: number, address: string, source: { id: string, name: string, nameplateW: number } | null }> }> } };

export type ShareHistoryQueryVariables = Exact<{ [key: string]: never; }>;


export type ShareHistoryQuery = { energySources: { nodes: Array<{ id: string, name: string, shareTables: Array<{ id: string, revision: number, validFrom: string, validTo: string | null, shareTotal: number, shares: Array<{ shareCount: number, holder: { id: string, name: string } | null }> }> }> } };

export type TransfersQueryVariables = Exact<{
  first: number;
  after?: string | null | undefined;
}>;


export type TransfersQuery = { viewer: { identity:
      | { coinAddresses: Array<{ address: string }> }
      | { coinAddresses: Array<{ address: string }> }
      | { coinAddresses: Array<{ address: string }> }
      | { coinAddresses: Array<{ address: string }> }
      | { coinAddresses: Array<{ address: string }> }
     | null }, transfers: { nodes: Array<{ txHash: string, logIndex: number, blockNumber: number, sender: string, recipient: string, amount: string, kind: string, at: string | null, isFinal: boolean }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type AddressesQueryVariables = Exact<{ [key: string]: never; }>;


export type AddressesQuery = { members: { nodes: Array<{ id: string, name: string, coinAddresses: Array<{ chain: string, address: string, path: string | null, validFrom: string, validTo: string | null }> }> } };

export type NewsSubscriptionVariables = Exact<{
  after?: string | null | undefined;
}>;


export type NewsSubscription = { notifications: { cursor: string, unreadCount: number, nodes: Array<{ id: string, kind: NotificationKind, at: string, readAt: string | null, effectiveAt: string | null, energyWh: number | null, amount: string | null, isLess: boolean, shareCountBefore: number | null, shareCountAfter: number | null, sentence: string, source: { name: string } | null }> } };

export type NewestOfEachQueryVariables = Exact<{ [key: string]: never; }>;


export type NewestOfEachQuery = { members: { nodes: Array<{ id: string, notifications: { nodes: Array<{ id: string }> } }> } };

export type MarkNotificationsReadMutationVariables = Exact<{
  memberId: string | number;
  upTo: string | number;
  command: CommandInput;
}>;


export type MarkNotificationsReadMutation = { markNotificationsRead:
    | { __typename: 'NotificationsRead' }
    | { __typename: 'Problem', sentence: string }
   };

export type AllBalancesSubscriptionVariables = Exact<{
  after?: string | null | undefined;
}>;


export type AllBalancesSubscription = { balances: { cursor: string, nodes: Array<{ final: string, mintedNotFinal: string, earnedNotYetMinted: string, member: { id: string, name: string } | null }> } };

export type DisposeBreakMutationVariables = Exact<{
  breakId: string | number;
  owner: string;
  disposition: string;
  command: CommandInput;
}>;


export type DisposeBreakMutation = { disposeBreak:
    | { __typename: 'BreakDisposed' }
    | { __typename: 'Problem', sentence: string }
   };

export type NoteBreakMutationVariables = Exact<{
  breakId: string | number;
  text: string;
  command: CommandInput;
}>;


export type NoteBreakMutation = { noteBreak:
    | { __typename: 'BreakDisposed' }
    | { __typename: 'Problem', sentence: string }
   };

export type CloseBreakMutationVariables = Exact<{
  breakId: string | number;
  command: CommandInput;
}>;


export type CloseBreakMutation = { closeBreak:
    | { __typename: 'BreakDisposed' }
    | { __typename: 'Problem', sentence: string }
   };

export type CompletenessQueryVariables = Exact<{
  firstDay: string;
  lastDay: string;
  zone: string;
}>;


export type CompletenessQuery = { meteringPoints: { nodes: Array<{ id: string, name: string, direction: string, completeness: { days: Array<string>, expected: Array<number>, known: Array<number>, estimated: Array<number>, suspect: Array<number>, missing: Array<number> } }> } };

export type GapsOfQueryVariables = Exact<{
  id: string | number;
}>;


export type GapsOfQuery = { gaps: { nodes: Array<{ id: string, startsAt: string, endsAt: string, state: string, energyWh: number | null }> } };

export type PlantsQueryVariables = Exact<{ [key: string]: never; }>;


export type PlantsQuery = { energySources: { nodes: Array<{ id: string, name: string }> } };

export type CorrectionPreviewQueryVariables = Exact<{
  sourceId: string | number;
  kind: CorrectionKind;
  energyWh: number;
}>;


export type CorrectionPreviewQuery = { correctionPreview: { before: { verifiedWh: number, mintedWh: number, supplementWh: number, debtWh: number }, after: { verifiedWh: number, mintedWh: number, supplementWh: number, debtWh: number }, effects: Array<{ difference: string, holder: { id: string, name: string } | null }> } };

export type RecordCorrectionMutationVariables = Exact<{
  sourceId: string | number;
  kind: CorrectionKind;
  energyWh: number;
  evidence: string;
  command: CommandInput;
}>;


export type RecordCorrectionMutation = { recordCorrection:
    | { __typename: 'CorrectionRecorded', calldata: string | null }
    | { __typename: 'Problem', sentence: string }
   };

export type DeviceQueryVariables = Exact<{
  id: string | number;
}>;


export type DeviceQuery = { identity:
    | { __typename: 'Device', eui: string, payloadFormat: string, profile: number | null, state: string, onboarding: string, approvedAt: string | null, lastSeenAt: string | null, id: string, name: string, health: { signatureFailures: number, counterAnomalies: number, clockDriftMs: number | null, clockDrifts: boolean, airtimeMs: number | null, missing24h: { expected: number, present: number, perMille: number | null }, missing7d: { expected: number, present: number, perMille: number | null }, missing30d: { expected: number, present: number, perMille: number | null } } | null, provisionalReadings: Array<{ at: string, registersWh: Array<number> }>, keys: Array<{ number: number, kid: string, publicKey: string, isDevelopmentKey: boolean, validFrom: string, validTo: string | null }>, installations: Array<{ id: string, validFrom: string, validTo: string | null, factor: number, maxPowerW: number, meter: { serial: string, maker: string, model: string, registers: Array<{ obis: string }> }, meteringPoint: { id: string, name: string, code: string, direction: string, measurements: { nodes: Array<{ id: string, at: string, registerWh: number, readOffsetS: number, recordedAt: string, register: { obis: string }, device: { id: string } | null, statement: { counter: number, format: string, signed: string, publicKey: string } | null }> } } | null }> }
    | { __typename: 'EnergyConsumptionUnit', id: string, name: string }
    | { __typename: 'EnergySource', id: string, name: string }
    | { __typename: 'Member', id: string, name: string }
    | { __typename: 'User', id: string, name: string }
   };

export type DevicesQueryVariables = Exact<{ [key: string]: never; }>;


export type DevicesQuery = { devices: { nodes: Array<{ id: string, name: string, eui: string, payloadFormat: string, state: string, lastSeenAt: string | null, hasDevelopmentKey: boolean, installations: Array<{ validTo: string | null, meteringPoint: { id: string, name: string } | null }> }> } };

export type HealthOfFragment = { signatureFailures: number, counterAnomalies: number, clockDriftMs: number | null, clockDrifts: boolean, airtimeMs: number | null, missing24h: { expected: number, present: number, perMille: number | null }, missing7d: { expected: number, present: number, perMille: number | null }, missing30d: { expected: number, present: number, perMille: number | null } };

export type ImportFilesMutationVariables = Exact<{
  community: string;
  files: Array<ImportFile> | ImportFile;
  command: CommandInput;
  dryRun: boolean;
}>;


export type ImportFilesMutation = { importFiles:
    | { __typename: 'ImportDone', committed: boolean, counts: Array<{ file: string, rows: number, entered: number, unchanged: number }>, problems: Array<{ file: string, row: number, column: string, value: string, what: string, remedy: string }> }
    | { __typename: 'Problem', sentence: string }
   };

export type MembersToHoldQueryVariables = Exact<{ [key: string]: never; }>;


export type MembersToHoldQuery = { members: { nodes: Array<{ id: string, name: string }> } };

export type SharePreviewQueryVariables = Exact<{
  sourceId: string | number;
  validFrom: string;
  shares: Array<ShareInput> | ShareInput;
}>;


export type SharePreviewQuery = { sharePreview:
    | { __typename: 'Problem', sentence: string }
    | { __typename: 'SharePreview', revision: number, configHash: string, validFrom: string, changes: Array<{ before: number, after: number, holder: { id: string, name: string } | null }> }
   };

export type ProposeShareTableMutationVariables = Exact<{
  sourceId: string | number;
  validFrom: string;
  shares: Array<ShareInput> | ShareInput;
  command: CommandInput;
}>;


export type ProposeShareTableMutation = { proposeShareTable:
    | { __typename: 'Problem', sentence: string }
    | { __typename: 'ShareRevisionDecided' }
   };

export type WaitingRevisionsQueryVariables = Exact<{ [key: string]: never; }>;


export type WaitingRevisionsQuery = { shareRevisions: { nodes: Array<{ id: string, validFrom: string, reason: string, proposedBy: string, isProposedByViewer: boolean, proposedAt: string, source: { id: string, name: string } | null, changes: Array<{ before: number, after: number, holder: { id: string, name: string } | null }> }> } };

export type ApproveShareTableMutationVariables = Exact<{
  revisionId: string | number;
  command: CommandInput;
}>;


export type ApproveShareTableMutation = { approveShareTable:
    | { __typename: 'Problem', sentence: string }
    | { __typename: 'ShareRevisionDecided' }
   };

export type RejectShareTableMutationVariables = Exact<{
  revisionId: string | number;
  command: CommandInput;
}>;


export type RejectShareTableMutation = { rejectShareTable:
    | { __typename: 'Problem', sentence: string }
    | { __typename: 'ShareRevisionDecided' }
   };

export type ShareRegisterQueryVariables = Exact<{ [key: string]: never; }>;


export type ShareRegisterQuery = { energySources: { nodes: Array<{ id: string, name: string, shareTotal: number, shareTables: Array<{ id: string, revision: number, shareTotal: number, configHash: string, validFrom: string, validTo: string | null, shares: Array<{ shareCount: number, address: string, holder: { id: string, name: string } | null }> }> }> } };

export type HeadSubscriptionVariables = Exact<{
  after?: string | null | undefined;
}>;


export type HeadSubscription = { chainHead: { cursor: string, chainHead: { chainId: number, head: number, headHash: string, finalised: number, nodeHead: number, lag: number, updatedAt: string } | null } };

export type AttemptsQueryVariables = Exact<{ [key: string]: never; }>;


export type AttemptsQuery = { supply: Array<{ token: string, minted: string, burned: string }>, issuances: { nodes: Array<{ id: string, state: string, source: { name: string } | null, attempts: Array<{ number: number, nonce: number, account: string, maxFeeWei: string, state: string, txHash: string | null, requestedAt: string, signedAt: string | null }> }> }, auditEntries: { nodes: Array<{ id: number, actor: string, command: string, subject: string, reason: string, recordedAt: string }> } };

export type QueuesQueryVariables = Exact<{ [key: string]: never; }>;


export type QueuesQuery = { devices: { nodes: Array<{ id: string, name: string, eui: string, state: string, onboarding: string, keys: Array<{ kid: string }> }> }, silentDevices: { nodes: Array<{ id: string, name: string, eui: string, lastSeenAt: string | null }> }, inbox: Array<{ deviceEui: string, deviceName: string | null, reason: string, frames: number, firstAt: string, adoptableUntil: string }>, evidenceGaps: Array<{ id: string, deviceName: string, deviceEui: string, kind: string, first: number, last: number, state: string, sinceAt: string, asked: number, lastAskedAt: string | null }>, gaps: { nodes: Array<{ id: string, startsAt: string, endsAt: string, meteringPoint: { id: string, name: string } | null }> }, failedTransactions: { nodes: Array<{ id: string, periodStart: string, periodEnd: string, state: string, failure: string | null, source: { name: string } | null }> } };

export type QuarantineSubscriptionVariables = Exact<{
  after?: string | null | undefined;
}>;


export type QuarantineSubscription = { quarantine: { cursor: string, nodes: Array<{ id: string, reason: string, detail: string, recordedAt: string, deviceEui: string | null, device: { id: string, name: string } | null }> } };

export type ApproveDeviceMutationVariables = Exact<{
  deviceId: string | number;
  command: CommandInput;
}>;


export type ApproveDeviceMutation = { approveDevice:
    | { __typename: 'DeviceDecided' }
    | { __typename: 'Problem', sentence: string }
   };

export type RevokeDeviceMutationVariables = Exact<{
  deviceId: string | number;
  command: CommandInput;
}>;


export type RevokeDeviceMutation = { revokeDevice:
    | { __typename: 'DeviceDecided' }
    | { __typename: 'Problem', sentence: string }
   };

export type ResolveQuarantineMutationVariables = Exact<{
  entryId: string | number;
  resolution: string;
  command: CommandInput;
}>;


export type ResolveQuarantineMutation = { resolveQuarantine:
    | { __typename: 'Problem', sentence: string }
    | { __typename: 'QuarantineResolved' }
   };

export type ConfirmSerialMutationVariables = Exact<{
  deviceId: string | number;
  serial: string;
  command: CommandInput;
}>;


export type ConfirmSerialMutation = { confirmSerial:
    | { __typename: 'DeviceDecided' }
    | { __typename: 'Problem', sentence: string }
   };

export type BindDeviceKeyMutationVariables = Exact<{
  deviceId: string | number;
  publicKey: string;
  command: CommandInput;
}>;


export type BindDeviceKeyMutation = { bindDeviceKey:
    | { __typename: 'DeviceDecided' }
    | { __typename: 'Problem', sentence: string }
   };

export type ApproveForIssuanceMutationVariables = Exact<{
  deviceId: string | number;
  waiver?: string | null | undefined;
  command: CommandInput;
}>;


export type ApproveForIssuanceMutation = { approveForIssuance:
    | { __typename: 'DeviceDecided' }
    | { __typename: 'Problem', sentence: string }
   };

export type DevicesOnWayQueryVariables = Exact<{
  after?: string | null | undefined;
}>;


export type DevicesOnWayQuery = { devices: { nodes: Array<{ id: string, name: string, eui: string, state: string, onboarding: string, installations: Array<{ validTo: string | null, meteringPoint: { id: string, direction: string } | null }> }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } }, energySources: { nodes: Array<{ id: string, approvedAt: string | null, meteringPoint: { id: string } | null }> } };

export type DeviceOnWayQueryVariables = Exact<{
  id: string | number;
}>;


export type DeviceOnWayQuery = { identity:
    | { __typename: 'Device', id: string, name: string, eui: string, state: string, onboarding: string, lastSeenAt: string | null, keys: Array<{ number: number, kid: string, isDevelopmentKey: boolean }>, installations: Array<{ id: string, validFrom: string, validTo: string | null, meter: { serial: string, maker: string, model: string }, meteringPoint: { id: string, code: string, name: string, direction: string, measurements: { nodes: Array<{ id: string, at: string, registerWh: number, device: { id: string } | null }> } } | null }> }
    | { __typename: 'EnergyConsumptionUnit' }
    | { __typename: 'EnergySource' }
    | { __typename: 'Member' }
    | { __typename: 'User' }
  , energySources: { nodes: Array<{ id: string, name: string, approvedAt: string | null, meteringPoint: { id: string } | null }> } };

export type InboxOnWayQueryVariables = Exact<{ [key: string]: never; }>;


export type InboxOnWayQuery = { inbox: Array<{ deviceEui: string, frames: number }> };

export type CorrectionsQueryVariables = Exact<{ [key: string]: never; }>;


export type CorrectionsQuery = { corrections: { nodes: Array<{ id: string, kind: CorrectionKind, energyWh: number, evidence: string, reason: string, recordedAt: string, source: { id: string, name: string } | null }> } };

export type SourceNamesQueryVariables = Exact<{ [key: string]: never; }>;


export type SourceNamesQuery = { energySources: { nodes: Array<{ id: string, name: string }> } };

export type RunSubscriptionVariables = Exact<{
  after?: string | null | undefined;
}>;


export type RunSubscription = { breaks: { cursor: string, nodes: Array<{ id: string, kind: string, severity: string, openedAt: string, detail: string, owner: string | null, disposition: string | null, source: { name: string } | null }>, reconciliation: { verifiedWh: number, issuedWh: number, settledWh: number, pendingWh: number, agrees: boolean, matchCount: number, breakCount: number, startedAt: string, finalisedBlock: number } | null } };

export type CommunityQueryVariables = Exact<{
  since: string;
  until: string;
  zone: string;
}>;


export type CommunityQuery = { community: { memberCount: number, sourceCount: number, nameplateW: number, verifiedWh: number | null, minted: string, agrees: boolean | null, comparedAt: string | null, finalisedBlock: number | null, openBreakCount: number, completenessPerMille: number | null, energy: { starts: Array<string>, productionWh: Array<number | null>, consumptionWh: Array<number | null> | null } } };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}
export const HealthOfFragmentDoc = new TypedDocumentString(`
    fragment HealthOf on DeviceHealth {
  missing24h {
    expected
    present
    perMille
  }
  missing7d {
    expected
    present
    perMille
  }
  missing30d {
    expected
    present
    perMille
  }
  signatureFailures
  counterAnomalies
  clockDriftMs
  clockDrifts
  airtimeMs
}
    `, {"fragmentName":"HealthOf"}) as unknown as TypedDocumentString<HealthOfFragment, unknown>;
export const WhoDocument = new TypedDocumentString(`
    query Who {
  viewer {
    role
  }
}
    `) as unknown as TypedDocumentString<WhoQuery, WhoQueryVariables>;
export const ViewerDocument = new TypedDocumentString(`
    query Viewer {
  viewer {
    role
    label
    identity {
      __typename
      id
      name
    }
  }
}
    `) as unknown as TypedDocumentString<ViewerQuery, ViewerQueryVariables>;
export const SignInMessageDocument = new TypedDocumentString(`
    mutation SignInMessage($address: Address!) {
  signInMessage(address: $address) {
    __typename
    ... on SignInAsked {
      nonce
      message
    }
    ... on Problem {
      sentence
    }
  }
}
    `) as unknown as TypedDocumentString<SignInMessageMutation, SignInMessageMutationVariables>;
export const SignInWithWalletDocument = new TypedDocumentString(`
    mutation SignInWithWallet($nonce: Hex!, $signature: Hex!) {
  signInWithWallet(nonce: $nonce, signature: $signature) {
    __typename
    ... on SignedIn {
      token
    }
    ... on Problem {
      sentence
    }
  }
}
    `) as unknown as TypedDocumentString<SignInWithWalletMutation, SignInWithWalletMutationVariables>;
export const BreaksDocument = new TypedDocumentString(`
    query Breaks($open: Boolean) {
  breaks(open: $open, first: 100) {
    nodes {
      id
      kind
      severity
      subject
      detail
      expected
      found
      openedAt
      closedAt
      closedBy
      owner
      disposition
      source {
        name
      }
      story {
        at
        actor
        action
        text
      }
    }
  }
}
    `) as unknown as TypedDocumentString<BreaksQuery, BreaksQueryVariables>;
export const ReconciledDocument = new TypedDocumentString(`
    query Reconciled($since: DateTime!, $until: DateTime!, $sourceId: ID, $first: PageSize!) {
  reconciled(since: $since, until: $until, sourceId: $sourceId, first: $first) {
    nodes {
      periodStart
      periodEnd
      energyWh
      amount
      state
      explained
      txHash
      blockNumber
      issuance {
        id
        fromWh
        toWh
      }
      source {
        name
      }
    }
    pageInfo {
      hasNextPage
    }
  }
}
    `) as unknown as TypedDocumentString<ReconciledQuery, ReconciledQueryVariables>;
export const FinalisedBlockDocument = new TypedDocumentString(`
    query FinalisedBlock {
  reconciliation {
    finalisedHash
  }
}
    `) as unknown as TypedDocumentString<FinalisedBlockQuery, FinalisedBlockQueryVariables>;
export const TotalsDocument = new TypedDocumentString(`
    query Totals {
  supply {
    token
    minted
    burned
    finalMinted
    finalBurned
  }
  balances {
    member {
      id
      name
    }
    final
    mintedNotFinal
    earnedNotYetMinted
  }
  chainHead {
    head
    finalised
    headHash
  }
}
    `) as unknown as TypedDocumentString<TotalsQuery, TotalsQueryVariables>;
export const EvidenceDocument = new TypedDocumentString(`
    query Evidence($since: DateTime!, $until: DateTime!, $sourceId: ID, $first: PageSize!, $after: Cursor) {
  reconciled(
    since: $since
    until: $until
    sourceId: $sourceId
    first: $first
    after: $after
  ) {
    nodes {
      periodStart
      periodEnd
      energyWh
      amount
      state
      txHash
      blockNumber
      source {
        name
        sourceRef
      }
      issuance {
        id
        fromWh
        toWh
        measurement {
          at
          registerWh
          register {
            obis
          }
          device {
            eui
          }
          statement {
            digest
            counter
            format
            firstAt
            readingCount
            signed
            keyNumber
            kid
            publicKey
            isDevelopmentKey
            recordedAt
          }
        }
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
    `) as unknown as TypedDocumentString<EvidenceQuery, EvidenceQueryVariables>;
export const CreditStoryDocument = new TypedDocumentString(`
    query CreditStory($tx: Hash!) {
  viewer {
    role
  }
  transfers(txHash: $tx, first: 1) {
    nodes {
      settlement {
        blockNumber
        issuance {
          id
          energyWh
          fromWh
          toWh
          periodStart
          periodEnd
          shareTotal
          source {
            name
          }
          parts {
            shareCount
            amount
            holder {
              name
            }
          }
          measurement {
            statement {
              counter
              kid
              isDevelopmentKey
              recordedAt
              format
              signed
              publicKey
            }
          }
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<CreditStoryQuery, CreditStoryQueryVariables>;
export const CreditsDocument = new TypedDocumentString(`
    subscription Credits($first: PageSize!, $after: Cursor) {
  settlements(first: $first, after: $after) {
    cursor
    nodes {
      txHash
      logIndex
      readAt
      mintedWh
      isFinal
      blockNumber
      source {
        name
      }
      issuance {
        parts {
          amount
          shareCount
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<CreditsSubscription, CreditsSubscriptionVariables>;
export const MemberEnergyDocument = new TypedDocumentString(`
    query MemberEnergy($since: DateTime!, $until: DateTime!, $resolution: Resolution!, $zone: String!) {
  members(first: 10) {
    nodes {
      id
      energyConsumptionUnits {
        id
      }
      energy(since: $since, until: $until, resolution: $resolution, zone: $zone) {
        starts
        consumptionWh
        productionShare
        covered
        fromGrid
        surplus
        consumptionMissing
        productionMissing
        total {
          consumptionWh
          productionShare
          covered
          consumptionMissing
          productionMissing
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<MemberEnergyQuery, MemberEnergyQueryVariables>;
export const WalletLinkChallengeDocument = new TypedDocumentString(`
    mutation WalletLinkChallenge($memberId: ID!, $address: Address!) {
  walletLinkChallenge(memberId: $memberId, address: $address) {
    __typename
    ... on WalletChallengeMade {
      nonce
      typedData
    }
    ... on Problem {
      sentence
    }
  }
}
    `) as unknown as TypedDocumentString<WalletLinkChallengeMutation, WalletLinkChallengeMutationVariables>;
export const LinkWalletDocument = new TypedDocumentString(`
    mutation LinkWallet($memberId: ID!, $nonce: Hash!, $signature: Hex!, $command: CommandInput!) {
  linkWallet(
    memberId: $memberId
    nonce: $nonce
    signature: $signature
    command: $command
  ) {
    __typename
    ... on Problem {
      sentence
    }
  }
}
    `) as unknown as TypedDocumentString<LinkWalletMutation, LinkWalletMutationVariables>;
export const BalancesDocument = new TypedDocumentString(`
    subscription Balances($after: Cursor) {
  balances(after: $after) {
    cursor
    nodes {
      member {
        id
        name
      }
      final
      mintedNotFinal
      earnedNotYetMinted
      verifiedUntil
    }
  }
}
    `) as unknown as TypedDocumentString<BalancesSubscription, BalancesSubscriptionVariables>;
export const SharesDocument = new TypedDocumentString(`
    query Shares {
  members(first: 10) {
    nodes {
      id
      name
      shares {
        shareCount
        shareTotal
        address
        source {
          id
          name
          nameplateW
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<SharesQuery, SharesQueryVariables>;
export const ShareHistoryDocument = new TypedDocumentString(`
    query ShareHistory {
  energySources(first: 50) {
    nodes {
      id
      name
      shareTables {
        id
        revision
        validFrom
        validTo
        shareTotal
        shares {
          shareCount
          holder {
            id
            name
          }
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<ShareHistoryQuery, ShareHistoryQueryVariables>;
export const TransfersDocument = new TypedDocumentString(`
    query Transfers($first: PageSize!, $after: Cursor) {
  viewer {
    identity {
      coinAddresses {
        address
      }
    }
  }
  transfers(first: $first, after: $after) {
    nodes {
      txHash
      logIndex
      blockNumber
      sender
      recipient
      amount
      kind
      at
      isFinal
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
    `) as unknown as TypedDocumentString<TransfersQuery, TransfersQueryVariables>;
export const AddressesDocument = new TypedDocumentString(`
    query Addresses {
  members(first: 10) {
    nodes {
      id
      name
      coinAddresses {
        chain
        address
        path
        validFrom
        validTo
      }
    }
  }
}
    `) as unknown as TypedDocumentString<AddressesQuery, AddressesQueryVariables>;
export const NewsDocument = new TypedDocumentString(`
    subscription News($after: Cursor) {
  notifications(first: 50, after: $after) {
    cursor
    unreadCount
    nodes {
      id
      kind
      at
      readAt
      effectiveAt
      energyWh
      amount
      isLess
      shareCountBefore
      shareCountAfter
      sentence
      source {
        name
      }
    }
  }
}
    `) as unknown as TypedDocumentString<NewsSubscription, NewsSubscriptionVariables>;
export const NewestOfEachDocument = new TypedDocumentString(`
    query NewestOfEach {
  members(first: 10) {
    nodes {
      id
      notifications(first: 1) {
        nodes {
          id
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<NewestOfEachQuery, NewestOfEachQueryVariables>;
export const MarkNotificationsReadDocument = new TypedDocumentString(`
    mutation MarkNotificationsRead($memberId: ID!, $upTo: ID!, $command: CommandInput!) {
  markNotificationsRead(memberId: $memberId, upTo: $upTo, command: $command) {
    __typename
    ... on Problem {
      sentence
    }
  }
}
    `) as unknown as TypedDocumentString<MarkNotificationsReadMutation, MarkNotificationsReadMutationVariables>;
export const AllBalancesDocument = new TypedDocumentString(`
    subscription AllBalances($after: Cursor) {
  balances(after: $after) {
    cursor
    nodes {
      member {
        id
        name
      }
      final
      mintedNotFinal
      earnedNotYetMinted
    }
  }
}
    `) as unknown as TypedDocumentString<AllBalancesSubscription, AllBalancesSubscriptionVariables>;
export const DisposeBreakDocument = new TypedDocumentString(`
    mutation DisposeBreak($breakId: ID!, $owner: String!, $disposition: String!, $command: CommandInput!) {
  disposeBreak(
    breakId: $breakId
    owner: $owner
    disposition: $disposition
    command: $command
  ) {
    __typename
    ... on Problem {
      sentence
    }
  }
}
    `) as unknown as TypedDocumentString<DisposeBreakMutation, DisposeBreakMutationVariables>;
export const NoteBreakDocument = new TypedDocumentString(`
    mutation NoteBreak($breakId: ID!, $text: String!, $command: CommandInput!) {
  noteBreak(breakId: $breakId, text: $text, command: $command) {
    __typename
    ... on Problem {
      sentence
    }
  }
}
    `) as unknown as TypedDocumentString<NoteBreakMutation, NoteBreakMutationVariables>;
export const CloseBreakDocument = new TypedDocumentString(`
    mutation CloseBreak($breakId: ID!, $command: CommandInput!) {
  closeBreak(breakId: $breakId, command: $command) {
    __typename
    ... on Problem {
      sentence
    }
  }
}
    `) as unknown as TypedDocumentString<CloseBreakMutation, CloseBreakMutationVariables>;
export const CompletenessDocument = new TypedDocumentString(`
    query Completeness($firstDay: Date!, $lastDay: Date!, $zone: String!) {
  meteringPoints(first: 500) {
    nodes {
      id
      name
      direction
      completeness(firstDay: $firstDay, lastDay: $lastDay, zone: $zone) {
        days
        expected
        known
        estimated
        suspect
        missing
      }
    }
  }
}
    `) as unknown as TypedDocumentString<CompletenessQuery, CompletenessQueryVariables>;
export const GapsOfDocument = new TypedDocumentString(`
    query GapsOf($id: ID!) {
  gaps(meteringPointId: $id, first: 50) {
    nodes {
      id
      startsAt
      endsAt
      state
      energyWh
    }
  }
}
    `) as unknown as TypedDocumentString<GapsOfQuery, GapsOfQueryVariables>;
export const PlantsDocument = new TypedDocumentString(`
    query Plants {
  energySources(first: 200) {
    nodes {
      id
      name
    }
  }
}
    `) as unknown as TypedDocumentString<PlantsQuery, PlantsQueryVariables>;
export const CorrectionPreviewDocument = new TypedDocumentString(`
    query CorrectionPreview($sourceId: ID!, $kind: CorrectionKind!, $energyWh: WattHours!) {
  correctionPreview(sourceId: $sourceId, kind: $kind, energyWh: $energyWh) {
    before {
      verifiedWh
      mintedWh
      supplementWh
      debtWh
    }
    after {
      verifiedWh
      mintedWh
      supplementWh
      debtWh
    }
    effects {
      difference
      holder {
        id
        name
      }
    }
  }
}
    `) as unknown as TypedDocumentString<CorrectionPreviewQuery, CorrectionPreviewQueryVariables>;
export const RecordCorrectionDocument = new TypedDocumentString(`
    mutation RecordCorrection($sourceId: ID!, $kind: CorrectionKind!, $energyWh: WattHours!, $evidence: Hash!, $command: CommandInput!) {
  recordCorrection(
    sourceId: $sourceId
    kind: $kind
    energyWh: $energyWh
    evidence: $evidence
    command: $command
  ) {
    __typename
    ... on CorrectionRecorded {
      calldata
    }
    ... on Problem {
      sentence
    }
  }
}
    `) as unknown as TypedDocumentString<RecordCorrectionMutation, RecordCorrectionMutationVariables>;
export const DeviceDocument = new TypedDocumentString(`
    query Device($id: ID!) {
  identity(id: $id) {
    __typename
    id
    name
    ... on Device {
      eui
      payloadFormat
      profile
      state
      onboarding
      approvedAt
      lastSeenAt
      health {
        ...HealthOf
      }
      provisionalReadings {
        at
        registersWh
      }
      keys {
        number
        kid
        publicKey
        isDevelopmentKey
        validFrom
        validTo
      }
      installations {
        id
        validFrom
        validTo
        factor
        maxPowerW
        meter {
          serial
          maker
          model
          registers {
            obis
          }
        }
        meteringPoint {
          id
          name
          code
          direction
          measurements(first: 12) {
            nodes {
              id
              at
              registerWh
              readOffsetS
              recordedAt
              register {
                obis
              }
              device {
                id
              }
              statement {
                counter
                format
                signed
                publicKey
              }
            }
          }
        }
      }
    }
  }
}
    fragment HealthOf on DeviceHealth {
  missing24h {
    expected
    present
    perMille
  }
  missing7d {
    expected
    present
    perMille
  }
  missing30d {
    expected
    present
    perMille
  }
  signatureFailures
  counterAnomalies
  clockDriftMs
  clockDrifts
  airtimeMs
}`) as unknown as TypedDocumentString<DeviceQuery, DeviceQueryVariables>;
export const DevicesDocument = new TypedDocumentString(`
    query Devices {
  devices(first: 500) {
    nodes {
      id
      name
      eui
      payloadFormat
      state
      lastSeenAt
      hasDevelopmentKey
      installations {
        validTo
        meteringPoint {
          id
          name
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<DevicesQuery, DevicesQueryVariables>;
export const ImportFilesDocument = new TypedDocumentString(`
    mutation ImportFiles($community: String!, $files: [ImportFile!]!, $command: CommandInput!, $dryRun: Boolean!) {
  importFiles(
    community: $community
    files: $files
    command: $command
    dryRun: $dryRun
  ) {
    __typename
    ... on ImportDone {
      committed
      counts {
        file
        rows
        entered
        unchanged
      }
      problems {
        file
        row
        column
        value
        what
        remedy
      }
    }
    ... on Problem {
      sentence
    }
  }
}
    `) as unknown as TypedDocumentString<ImportFilesMutation, ImportFilesMutationVariables>;
export const MembersToHoldDocument = new TypedDocumentString(`
    query MembersToHold {
  members(first: 500) {
    nodes {
      id
      name
    }
  }
}
    `) as unknown as TypedDocumentString<MembersToHoldQuery, MembersToHoldQueryVariables>;
export const SharePreviewDocument = new TypedDocumentString(`
    query SharePreview($sourceId: ID!, $validFrom: DateTime!, $shares: [ShareInput!]!) {
  sharePreview(sourceId: $sourceId, validFrom: $validFrom, shares: $shares) {
    __typename
    ... on SharePreview {
      revision
      configHash
      validFrom
      changes {
        before
        after
        holder {
          id
          name
        }
      }
    }
    ... on Problem {
      sentence
    }
  }
}
    `) as unknown as TypedDocumentString<SharePreviewQuery, SharePreviewQueryVariables>;
export const ProposeShareTableDocument = new TypedDocumentString(`
    mutation ProposeShareTable($sourceId: ID!, $validFrom: DateTime!, $shares: [ShareInput!]!, $command: CommandInput!) {
  proposeShareTable(
    sourceId: $sourceId
    validFrom: $validFrom
    shares: $shares
    command: $command
  ) {
    __typename
    ... on Problem {
      sentence
    }
  }
}
    `) as unknown as TypedDocumentString<ProposeShareTableMutation, ProposeShareTableMutationVariables>;
export const WaitingRevisionsDocument = new TypedDocumentString(`
    query WaitingRevisions {
  shareRevisions(first: 100) {
    nodes {
      id
      validFrom
      reason
      proposedBy
      isProposedByViewer
      proposedAt
      source {
        id
        name
      }
      changes {
        before
        after
        holder {
          id
          name
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<WaitingRevisionsQuery, WaitingRevisionsQueryVariables>;
export const ApproveShareTableDocument = new TypedDocumentString(`
    mutation ApproveShareTable($revisionId: ID!, $command: CommandInput!) {
  approveShareTable(revisionId: $revisionId, command: $command) {
    __typename
    ... on Problem {
      sentence
    }
  }
}
    `) as unknown as TypedDocumentString<ApproveShareTableMutation, ApproveShareTableMutationVariables>;
export const RejectShareTableDocument = new TypedDocumentString(`
    mutation RejectShareTable($revisionId: ID!, $command: CommandInput!) {
  rejectShareTable(revisionId: $revisionId, command: $command) {
    __typename
    ... on Problem {
      sentence
    }
  }
}
    `) as unknown as TypedDocumentString<RejectShareTableMutation, RejectShareTableMutationVariables>;
export const ShareRegisterDocument = new TypedDocumentString(`
    query ShareRegister {
  energySources(first: 100) {
    nodes {
      id
      name
      shareTotal
      shareTables {
        id
        revision
        shareTotal
        configHash
        validFrom
        validTo
        shares {
          shareCount
          address
          holder {
            id
            name
          }
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<ShareRegisterQuery, ShareRegisterQueryVariables>;
export const HeadDocument = new TypedDocumentString(`
    subscription Head($after: Cursor) {
  chainHead(after: $after) {
    cursor
    chainHead {
      chainId
      head
      headHash
      finalised
      nodeHead
      lag
      updatedAt
    }
  }
}
    `) as unknown as TypedDocumentString<HeadSubscription, HeadSubscriptionVariables>;
export const AttemptsDocument = new TypedDocumentString(`
    query Attempts {
  supply {
    token
    minted
    burned
  }
  issuances(first: 25) {
    nodes {
      id
      state
      source {
        name
      }
      attempts {
        number
        nonce
        account
        maxFeeWei
        state
        txHash
        requestedAt
        signedAt
      }
    }
  }
  auditEntries(first: 25) {
    nodes {
      id
      actor
      command
      subject
      reason
      recordedAt
    }
  }
}
    `) as unknown as TypedDocumentString<AttemptsQuery, AttemptsQueryVariables>;
export const QueuesDocument = new TypedDocumentString(`
    query Queues {
  devices(first: 500) {
    nodes {
      id
      name
      eui
      state
      onboarding
      keys {
        kid
      }
    }
  }
  silentDevices(silentForS: 2700, first: 50) {
    nodes {
      id
      name
      eui
      lastSeenAt
    }
  }
  inbox {
    deviceEui
    deviceName
    reason
    frames
    firstAt
    adoptableUntil
  }
  evidenceGaps {
    id
    deviceName
    deviceEui
    kind
    first
    last
    state
    sinceAt
    asked
    lastAskedAt
  }
  gaps(open: true, first: 50) {
    nodes {
      id
      startsAt
      endsAt
      meteringPoint {
        id
        name
      }
    }
  }
  failedTransactions(first: 50) {
    nodes {
      id
      periodStart
      periodEnd
      state
      failure
      source {
        name
      }
    }
  }
}
    `) as unknown as TypedDocumentString<QueuesQuery, QueuesQueryVariables>;
export const QuarantineDocument = new TypedDocumentString(`
    subscription Quarantine($after: Cursor) {
  quarantine(first: 20, after: $after) {
    cursor
    nodes {
      id
      reason
      detail
      recordedAt
      deviceEui
      device {
        id
        name
      }
    }
  }
}
    `) as unknown as TypedDocumentString<QuarantineSubscription, QuarantineSubscriptionVariables>;
export const ApproveDeviceDocument = new TypedDocumentString(`
    mutation ApproveDevice($deviceId: ID!, $command: CommandInput!) {
  approveDevice(deviceId: $deviceId, command: $command) {
    __typename
    ... on Problem {
      sentence
    }
  }
}
    `) as unknown as TypedDocumentString<ApproveDeviceMutation, ApproveDeviceMutationVariables>;
export const RevokeDeviceDocument = new TypedDocumentString(`
    mutation RevokeDevice($deviceId: ID!, $command: CommandInput!) {
  revokeDevice(deviceId: $deviceId, command: $command) {
    __typename
    ... on Problem {
      sentence
    }
  }
}
    `) as unknown as TypedDocumentString<RevokeDeviceMutation, RevokeDeviceMutationVariables>;
export const ResolveQuarantineDocument = new TypedDocumentString(`
    mutation ResolveQuarantine($entryId: ID!, $resolution: String!, $command: CommandInput!) {
  resolveQuarantine(entryId: $entryId, resolution: $resolution, command: $command) {
    __typename
    ... on Problem {
      sentence
    }
  }
}
    `) as unknown as TypedDocumentString<ResolveQuarantineMutation, ResolveQuarantineMutationVariables>;
export const ConfirmSerialDocument = new TypedDocumentString(`
    mutation ConfirmSerial($deviceId: ID!, $serial: String!, $command: CommandInput!) {
  confirmSerial(deviceId: $deviceId, serial: $serial, command: $command) {
    __typename
    ... on Problem {
      sentence
    }
  }
}
    `) as unknown as TypedDocumentString<ConfirmSerialMutation, ConfirmSerialMutationVariables>;
export const BindDeviceKeyDocument = new TypedDocumentString(`
    mutation BindDeviceKey($deviceId: ID!, $publicKey: Hex!, $command: CommandInput!) {
  bindDeviceKey(deviceId: $deviceId, publicKey: $publicKey, command: $command) {
    __typename
    ... on Problem {
      sentence
    }
  }
}
    `) as unknown as TypedDocumentString<BindDeviceKeyMutation, BindDeviceKeyMutationVariables>;
export const ApproveForIssuanceDocument = new TypedDocumentString(`
    mutation ApproveForIssuance($deviceId: ID!, $waiver: String, $command: CommandInput!) {
  approveForIssuance(deviceId: $deviceId, waiver: $waiver, command: $command) {
    __typename
    ... on Problem {
      sentence
    }
  }
}
    `) as unknown as TypedDocumentString<ApproveForIssuanceMutation, ApproveForIssuanceMutationVariables>;
export const DevicesOnWayDocument = new TypedDocumentString(`
    query DevicesOnWay($after: Cursor) {
  devices(first: 500, after: $after) {
    nodes {
      id
      name
      eui
      state
      onboarding
      installations {
        validTo
        meteringPoint {
          id
          direction
        }
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
  energySources(first: 500) {
    nodes {
      id
      approvedAt
      meteringPoint {
        id
      }
    }
  }
}
    `) as unknown as TypedDocumentString<DevicesOnWayQuery, DevicesOnWayQueryVariables>;
export const DeviceOnWayDocument = new TypedDocumentString(`
    query DeviceOnWay($id: ID!) {
  identity(id: $id) {
    __typename
    ... on Device {
      id
      name
      eui
      state
      onboarding
      lastSeenAt
      keys {
        number
        kid
        isDevelopmentKey
      }
      installations {
        id
        validFrom
        validTo
        meter {
          serial
          maker
          model
        }
        meteringPoint {
          id
          code
          name
          direction
          measurements(first: 1) {
            nodes {
              id
              at
              registerWh
              device {
                id
              }
            }
          }
        }
      }
    }
  }
  energySources(first: 500) {
    nodes {
      id
      name
      approvedAt
      meteringPoint {
        id
      }
    }
  }
}
    `) as unknown as TypedDocumentString<DeviceOnWayQuery, DeviceOnWayQueryVariables>;
export const InboxOnWayDocument = new TypedDocumentString(`
    query InboxOnWay {
  inbox {
    deviceEui
    frames
  }
}
    `) as unknown as TypedDocumentString<InboxOnWayQuery, InboxOnWayQueryVariables>;
export const CorrectionsDocument = new TypedDocumentString(`
    query Corrections {
  corrections(first: 50) {
    nodes {
      id
      kind
      energyWh
      evidence
      reason
      recordedAt
      source {
        id
        name
      }
    }
  }
}
    `) as unknown as TypedDocumentString<CorrectionsQuery, CorrectionsQueryVariables>;
export const SourceNamesDocument = new TypedDocumentString(`
    query SourceNames {
  energySources(first: 200) {
    nodes {
      id
      name
    }
  }
}
    `) as unknown as TypedDocumentString<SourceNamesQuery, SourceNamesQueryVariables>;
export const RunDocument = new TypedDocumentString(`
    subscription Run($after: Cursor) {
  breaks(first: 50, after: $after) {
    cursor
    nodes {
      id
      kind
      severity
      openedAt
      detail
      owner
      disposition
      source {
        name
      }
    }
    reconciliation {
      verifiedWh
      issuedWh
      settledWh
      pendingWh
      agrees
      matchCount
      breakCount
      startedAt
      finalisedBlock
    }
  }
}
    `) as unknown as TypedDocumentString<RunSubscription, RunSubscriptionVariables>;
export const CommunityDocument = new TypedDocumentString(`
    query Community($since: DateTime!, $until: DateTime!, $zone: String!) {
  community {
    memberCount
    sourceCount
    nameplateW
    verifiedWh
    minted
    agrees
    comparedAt
    finalisedBlock
    openBreakCount
    completenessPerMille
    energy(since: $since, until: $until, resolution: DAY, zone: $zone) {
      starts
      productionWh
      consumptionWh
    }
  }
}
    `) as unknown as TypedDocumentString<CommunityQuery, CommunityQueryVariables>;