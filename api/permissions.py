"""Who may see which field: the one place. A field that does not stand here is refused to everybody.

This decides by role, before anything is read. Which *rows* a role sees is its scope's (community.store.views.scope), and
both hold on every nested path.
"""

from collections.abc import Mapping

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    visit,
)

from api.command_permissions import COMMANDS
from api.errors import FORBIDDEN, SIGN_IN, UNAUTHENTICATED, Refused
from api.role_sets import ALL, EVERYBODY, MEMBERS, OPERATORS, PEOPLE, STAFF, Roles, connection, fields
from api.roles import Role

_IDENTITY = "id name coinAddresses"
_MEMBER_ENERGY = "intervals consumptionWh productionShare covered fromGrid surplus consumptionMissing productionMissing"

PERMISSIONS: Mapping[str, Roles] = {
    **COMMANDS,
    **fields("Query", ALL, "viewer chainHead"),
    **fields(
        "Query",
        PEOPLE,
        "identity identities members member energySources meteringPoints meteringPoint measurements series gaps issuances "
        "issuance settlements transfers balances balance supply reconciliation matches reconciled breaks",
    ),
    **fields("Query", STAFF, "devices auditEntries evidenceGaps silentDevices failedTransactions suspectMeasurements"),
    **fields("Query", PEOPLE, "proposals corrections correctionPreview"),
    **fields("Query", STAFF, "senders"),
    **fields(
        "Sender", STAFF, "chainId address nextNonce isFrozen underWay lastSignedAt lastBroadcastAt balanceWei balanceAt"
    ),
    **fields("Issuance", PEOPLE, "settlement"),
    **fields("Settlement", PEOPLE, "transfers"),
    **fields("Measurement", PEOPLE, "issuances"),
    **fields("Break", PEOPLE, "ageS"),
    **fields("Query", OPERATORS, "sharePreview"),
    **fields("Query", STAFF, "shareRevisions disclosures"),
    **fields("Query", OPERATORS, "quarantine apiKeys workQueues inbox"),
    **fields("Query", EVERYBODY, "community"),
    **fields("Subscription", PEOPLE, "balances measurements settlements breaks chainHead"),
    **fields("Subscription", OPERATORS, "quarantine"),
    **fields("Subscription", MEMBERS, "notifications"),
    **fields("NotificationsChange", MEMBERS, "cursor nodes unreadCount"),
    **fields("Viewer", ALL, "role label identity"),
    **fields("PageInfo", ALL, "hasNextPage endCursor"),
    # identities
    **fields("Identity", ALL, _IDENTITY),
    **fields("User", PEOPLE, _IDENTITY),
    **fields("Member", PEOPLE, _IDENTITY + " isTreasury joinedAt balance energy shares energyConsumptionUnits"),
    **fields(
        "Device",
        ALL,
        _IDENTITY + " eui payloadFormat profile state approvedAt lastSeenAt hasDevelopmentKey keys onboarding isTrial "
        "firmware hardware health",
    ),
    **fields("Device", PEOPLE, "installations provisionalReadings"),
    **fields("Member", PEOPLE, "notifications unreadNotificationCount"),
    **fields(
        "Notification",
        PEOPLE,
        "id kind at readAt effectiveAt energyWh amount isLess shareCountBefore shareCountAfter sentence source",
    ),
    **fields("Device", STAFF, "restsOn frames"),
    **fields(
        "DeviceFrame",
        STAFF,
        "digest receivedAt transport verdict reason payloadBytes airtimeUs rssiDbm snrDb spreadingFactor frequencyHz "
        "gatewayCount",
    ),
    **fields("Member", PEOPLE, "account"),
    **fields("MemberPeriodAccount", PEOPLE, "startsAt endsAt opening minted received sent retired closing"),
    **fields("EnergySource", PEOPLE, "account"),
    **fields(
        "SourcePeriodAccount",
        PEOPLE,
        "startsAt endsAt openingWh verifiedWh issuedWh settledWh mintedWh closingWh openWh",
    ),
    **fields("Statement", PEOPLE, "measurements"),
    **fields("Issuance", PEOPLE, "proposal"),
    **fields("Query", PEOPLE, "reconciliationRuns"),
    **fields("Query", STAFF, "auditSamples"),
    **fields("AuditSample", STAFF, "id seed population populationSha256 drawnBy drawnAt items"),
    **fields("AuditSampleItem", STAFF, "issuance findings"),
    **fields("AuditFinding", STAFF, "verdict text foundBy recordedAt"),
    **fields("RestsOn", STAFF, "measurements intervalCount issuanceCount energyWh issuedWh intervals issuances"),
    **fields("RestingInterval", STAFF, "meteringPointId startsAt energyWh revision"),
    **fields(
        "DeviceHealth",
        ALL,
        "lastSeenAt missing24h missing7d missing30d signatureFailures counterAnomalies clockDriftMs clockDrifts airtimeMs "
        "signalDbm said",
    ),
    **fields("SaidOfItself", ALL, "isOnline firmware backlog toldAt"),
    **fields("MissingReadings", ALL, "expected present perMille"),
    **fields("ProvisionalReading", PEOPLE, "at registersWh readOffsetS status"),
    **fields(
        "EnergySource",
        PEOPLE,
        _IDENTITY
        + " sourceRef technology nameplateW shareTotal settlementPeriod evidenceMode openingRegisterWh openingAt "
        "approvedAt meteringPoint shareTables",
    ),
    **fields("EnergyConsumptionUnit", PEOPLE, _IDENTITY + " member meteringPoint"),
    **fields("CoinAddress", ALL, "chain address path validFrom validTo"),
    **fields("DeviceKey", ALL, "number kid publicKey isDevelopmentKey validFrom validTo revokedFrom"),
    **fields("ShareTable", PEOPLE, "id revision shareTotal configHash validFrom validTo shares"),
    **fields("Share", PEOPLE, "source holder address shareCount shareTotal"),
    # metering
    **fields(
        "MeteringPoint",
        PEOPLE,
        "id code name direction settledObis identity installations measurements series completeness",
    ),
    **fields("Installation", PEOPLE, "id meter device meteringPoint validFrom validTo factor maxPowerW"),
    **fields("Meter", PEOPLE, "id serial maker model registers"),
    **fields("Register", PEOPLE, "id obis modulusWh"),
    **fields(
        "Measurement",
        PEOPLE,
        "id meteringPoint register at registerWh readOffsetS status evidenceMode leafIndex recordedAt statement device "
        "suspect boundaryInexact",
    ),
    **fields("MeasuredRegister", PEOPLE, "id obis"),
    **fields(
        "Statement",
        PEOPLE,
        "digest counter format firstAt readingCount signed keyNumber kid publicKey isDevelopmentKey recordedAt",
    ),
    **fields("Series", PEOPLE, "meteringPointId resolution zone start stepS energyWh quality starts intervals missing"),
    **fields("MemberEnergy", PEOPLE, _MEMBER_ENERGY + " resolution zone starts total"),
    **fields("MemberEnergyTotal", PEOPLE, _MEMBER_ENERGY),
    **fields("Completeness", PEOPLE, "zone days expected known estimated suspect missing"),
    **fields("Gap", PEOPLE, "id meteringPoint startsAt endsAt energyWh state openedAt closedAt"),
    **fields(
        "QuarantineEntry",
        OPERATORS,
        "id device deviceEui source frameDigest payload at reason detail recordedAt resolvedAt resolution",
    ),
    # minting and tokens
    **fields(
        "Issuance",
        PEOPLE,
        "id chainId issuer source fromWh toWh energyWh periodStart periodEnd amount measurement parts shareTotal state "
        "failure plannedAt minedBlock txHash finalAt",
    ),
    **fields("Issuance", STAFF, "attempts"),
    **fields("IssuancePart", PEOPLE, "holder address shareCount amount"),
    **fields(
        "TransactionAttempt",
        STAFF,
        "number nonce account maxFeeWei tipWei state txHash requestedAt signedAt broadcastAt",
    ),
    **fields(
        "Settlement",
        PEOPLE,
        "blockNumber logIndex txHash issuer sourceRef source number fromWh toWh readAt mintedWh mode evidence at isFinal "
        "issuance",
    ),
    **fields(
        "Transfer", PEOPLE, "blockNumber logIndex txHash token sender recipient amount kind at isFinal settlement"
    ),
    **fields("Balance", PEOPLE, "member final mintedNotFinal earnedNotYetMinted verifiedUntil"),
    **fields("Supply", PEOPLE, "token minted burned finalMinted finalBurned"),
    **fields("ChainHead", ALL, "chainId head headHash finalised nodeHead lag updatedAt"),
    # reconciliation
    **fields(
        "ReconciliationRun",
        PEOPLE,
        "id startedAt finalisedBlock finalisedHash verifiedWh issuedWh settledWh supply matchCount breakCount agrees pendingWh",
    ),
    **fields("Match", PEOPLE, "issuance source txHash blockNumber energyWh amount matchedAt"),
    **fields(
        "Break",
        PEOPLE,
        "id kind severity subject source detail expected found openedAt closedAt closedBy owner disposition",
    ),
    **fields("Break", STAFF, "story"),
    **fields("BreakEntry", STAFF, "at actor action text"),
    **fields(
        "Reconciled",
        PEOPLE,
        "issuance source periodStart periodEnd energyWh amount state explained breakId txHash blockNumber",
    ),
    # proposals and corrections
    **fields(
        "Proposal",
        PEOPLE,
        "id issuanceId source fromWh toWh energyWh periodStart periodEnd measurement proposedAt dueAt supersededAt "
        "supersededBecause state objections",
    ),
    **fields("Objection", PEOPLE, "id raisedBy reason raisedAt answer answeredBy answeredAt"),
    **fields("Correction", PEOPLE, "id source kind energyWh evidence reason recordedAt"),
    **fields("Correction", STAFF, "recordedBy"),
    **fields("CorrectionPreview", PEOPLE, "before after effects"),
    **fields("SourceAccount", PEOPLE, "verifiedWh mintedWh supplementWh debtWh"),
    **fields("CorrectionEffect", PEOPLE, "holder difference"),
    **fields(
        "ShareRevision",
        STAFF,
        "id source validFrom reason state proposedBy isProposedByViewer proposedAt decidedBy decidedAt shareTableId changes",
    ),
    **fields("ShareChange", STAFF, "holder before after address"),
    **fields("SharePreview", OPERATORS, "revision shareTotal configHash validFrom changes"),
    **fields("Disclosure", STAFF, "id credential identity reason state requestedAt grantedBy grantedAt endedAt"),
    # everybody
    **fields(
        "Community",
        EVERYBODY,
        "memberCount sourceCount nameplateW verifiedWh settledWh minted burned agrees comparedAt finalisedBlock "
        "openBreakCount correctionCount completenessPerMille energy",
    ),
    **fields(
        "CommunityEnergy",
        EVERYBODY,
        "resolution zone starts intervals productionWh consumptionWh productionCompletenessPerMille",
    ),
    # operators
    **fields(
        "WorkQueues",
        OPERATORS,
        "quarantine unknownDevices gaps evidenceGaps silentDevices devicesToApprove failedTransactions openBreaks "
        "openObjections",
    ),
    **fields("InboxEntry", OPERATORS, "deviceEui deviceName reason frames bytes firstAt lastAt adoptableUntil"),
    **fields("EvidenceGap", STAFF, "id deviceName deviceEui kind first last state sinceAt asked lastAskedAt"),
    **fields("AuditEntry", STAFF, "id actor command subject reason recordedAt"),
    **fields("ApiKey", OPERATORS, "id role identity label createdAt revokedAt"),
    # streams
    **fields("BalancesChange", PEOPLE, "cursor nodes"),
    **fields("MeasurementsChange", PEOPLE, "cursor nodes"),
    **fields("SettlementsChange", PEOPLE, "cursor nodes"),
    **fields("BreaksChange", PEOPLE, "cursor nodes reconciliation"),
    **fields("ChainHeadChange", PEOPLE, "cursor chainHead"),
    **fields("QuarantineChange", OPERATORS, "cursor nodes"),
    # pages
    **connection("Identity", PEOPLE),
    **connection("Member", PEOPLE),
    **connection("Notification", PEOPLE),
    **connection("DeviceFrame", STAFF),
    **connection("ReconciliationRun", PEOPLE),
    **connection("Device", STAFF),
    **connection("EnergySource", PEOPLE),
    **connection("MeteringPoint", PEOPLE),
    **connection("Measurement", PEOPLE),
    **connection("Gap", PEOPLE),
    **connection("QuarantineEntry", OPERATORS),
    **connection("Issuance", PEOPLE),
    **connection("Settlement", PEOPLE),
    **connection("Transfer", PEOPLE),
    **connection("Match", PEOPLE),
    **connection("Reconciled", PEOPLE),
    **connection("Break", PEOPLE),
    **connection("Proposal", PEOPLE),
    **connection("Correction", PEOPLE),
    **connection("ShareRevision", STAFF),
    **connection("Disclosure", STAFF),
    **connection("AuditEntry", STAFF),
    **connection("ApiKey", OPERATORS),
}


class _Refusals(Visitor):
    def __init__(self, types: TypeInfo, role: Role) -> None:
        super().__init__()
        self._types = types
        self._role = role
        self.first: Refused | None = None

    def enter_field(self, node: FieldNode, *_: object) -> None:
        parent = self._types.get_parent_type()
        name = node.name.value
        if self.first is not None or parent is None or name.startswith("__") or parent.name.startswith("__"):
            return
        field = f"{get_named_type(parent).name}.{name}"
        if self._role not in PERMISSIONS.get(field, frozenset()):
            self.first = (
                Refused(UNAUTHENTICATED, SIGN_IN)
                if self._role is Role.PUBLIC
                else Refused(FORBIDDEN, f"A key of the role {self._role} may not use {field}.")
            )


def refusal(schema: GraphQLSchema, document: DocumentNode, role: Role) -> Refused | None:
    """The first field of a valid document that the role may not use, as an error; None if it may use all."""
    types = TypeInfo(schema)
    refusals = _Refusals(types, role)
    visit(document, TypeInfoVisitor(types, refusals))
    return refusals.first
