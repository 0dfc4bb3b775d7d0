/* Just enough SMTP to send a mail. */
import net from "node:net";
import { once } from "node:events";

export async function send(port, text, to = ["bob@b.example"]) {
  const socket = net.connect(port, "127.0.0.1");
  let lines = "";
  const answer = async () => {
    while (!/^\d{3} .*\r\n$/m.test(lines)) lines += String((await once(socket, "data"))[0]);
    if (!/^[23]/.test(lines)) throw new Error(lines);
    lines = "";
  };
  const data = text.replace(/\r?\n/g, "\r\n").replace(/^\./gm, "..");

  await answer();
  for (const line of ["EHLO test.example", "MAIL FROM:<ann@a.example>",
    ...to.map((path) => `RCPT TO:<${path}>`), "DATA", data + "\r\n.", "QUIT"]) {
    socket.write(line + "\r\n");
    await answer();
  }
  socket.end();
}
