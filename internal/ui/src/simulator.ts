/** The simulator's page: the server renders it, this keeps it in step with what happens. */

import { startCopy } from "./lib/copy";
import { startTheme } from "./lib/theme";
import { countDown, localise } from "./lib/time";
import { startActions } from "./simulator/actions";
import { startKeys } from "./simulator/keys";
import { Page } from "./simulator/page";
import { startStream } from "./simulator/stream";

const announcer = document.getElementById("announce");
const say = (text: string): void => {
  if (announcer) announcer.textContent = text;
};

const page = new Page();
startTheme();
startCopy(say);
localise(document);
countDown(document);
setInterval(() => countDown(document), 1000);
page.start();
startActions(page);
startKeys(say);
startStream(page, say);
