// Everything that was told to the member, the newest first.

import { Button } from "@mantine/core";
import { useState } from "react";
import { newIntention } from "../live/intention.ts";
import { Empty, Panel, Waiting } from "../pieces/shown.tsx";
import { useWords } from "../words/language.tsx";
import * as member from "../words/member.ts";
import { Notices } from "./Notices.tsx";
import { useMarkRead, useNews } from "./news.ts";

export function MarkRead() {
  const { news } = useWords(member);
  const mark = useMarkRead();
  const [problem, setProblem] = useState("");
  const read = () => {
    setProblem("");
    mark(() => ({ idempotencyKey: newIntention(), reason: news.read })).catch((error: Error) =>
      setProblem(error.message),
    );
  };
  return (
    <span className="no-print">
      <Button size="xs" variant="default" onClick={read}>
        {news.read}
      </Button>
      {problem && (
        <span className="problem" role="alert">
          {" "}
          {problem}
        </span>
      )}
    </span>
  );
}

export default function News() {
  const { news } = useWords(member);
  const change = useNews();
  return (
    <>
      <div className="page-head">
        <div>
          <h1>{news.title}</h1>
          <p className="lead">{news.lead}</p>
        </div>
        {change && change.unreadCount > 0 && <MarkRead />}
      </div>
      <Panel title={news.title}>
        {!change && <Waiting rows={4} />}
        {change?.nodes.length === 0 && <Empty>{news.none}</Empty>}
        {change && change.nodes.length > 0 && <Notices of={change.nodes} />}
      </Panel>
    </>
  );
}
