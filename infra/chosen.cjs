// What was chosen for a deployment, checked before anything is made: osls ends with the error that is thrown here. And
// what follows from the choices, where YAML cannot say it.

/** An error that says what to give. osls prints the stack of an error, which nobody needs of this one. */
const refusal = (text) => Object.assign(new Error(text), { stack: text });
const wrong = (name, value, wanted) => refusal(`--param="${name}=${value}": ${wanted}`);

const KEY = /^arn:[\w-]+:kms:[\w-]+:\d{12}:key\/.+$/;
const SECRET = /^arn:[\w-]+:secretsmanager:[\w-]+:\d{12}:secret:.+-\w{6}$/;
const TOPIC = /^arn:[\w-]+:sns:[\w-]+:\d{12}:[\w.-]+$/;
const CERTIFICATE = /^arn:[\w-]+:acm:[\w-]+:\d{12}:certificate\/.+$/;
const SECRET_NAME = /^[\w/+=.@-]+$/;

/**
 * Names of folders. In a role `*` and `?` stand for other folders, too, and S3 wants the filters of events encoded, in a
 * way of its own: what it does not understand there tells it of nothing.
 */
const FOLDER = /^[\w.-]+(\/[\w.-]+)*$/;
const LETTERS = "letters of ASCII, digits, - _ . and slashes between: S3 tells of no others as they are";

/** Regions in which CloudFormation knows budgets, as its schemas say; a template that names one elsewhere is refused. */
const WITH_BUDGETS = new Set(
  (
    "us-east-1 us-east-2 us-west-1 us-west-2 ca-central-1 sa-east-1 eu-central-1 eu-west-1 eu-west-2 eu-west-3" +
    " ap-northeast-1 ap-northeast-2 ap-south-1 ap-southeast-1 ap-southeast-2 me-south-1 cn-north-1 cn-northwest-1"
  ).split(" "),
);

const MEGABYTE = 2 ** 20;

/** Megabytes that a fold takes besides what is kept of the index. */
const OF_A_FOLD = 800;

/** Where the numbers stand that functions read themselves, and the least of each. Others CloudFormation checks. */
const NUMBERS = {
  workers: [0, "scan", "workers"],
  "alone-bytes": [0, "scan", "alone"],
  "worker-bytes": [0, "scan", "worker"],
  "cache-bytes": [0, "disk", "bytes"],
  "compact-bytes": [0, "compact", "bytes"],
  "ingest-again": [0, "ingest", "again"],
  merges: [1, "merges"],
  shards: [1, "shards"],
};

module.exports = async ({ resolveConfigurationProperty }) => {
  const custom = async (...path) => (await resolveConfigurationProperty(["custom", ...path])) ?? "";
  const existing = await custom("existing");
  const folder = await custom("indexPrefix");
  const results = await custom("backfill", "results");
  const prefix = await custom("imagesPrefix");
  const tokens = String(await custom("tokens"));

  if (!FOLDER.test(folder)) {
    throw wrong("index-prefix", folder, `give the name of a folder, without a slash at either end. It has ${LETTERS}`);
  }
  if (prefix && !(prefix.endsWith("/") && FOLDER.test(prefix.slice(0, -1)))) {
    throw wrong(
      "images-prefix",
      prefix,
      `give a folder, with a slash at its end and none at its beginning. It has ${LETTERS}`,
    );
  }
  if (existing.index && !(await custom("givenPrefix"))) {
    throw wrong(
      "index",
      existing.index,
      "say which folder of this bucket, too: index-prefix=index is that of a bucket which a stack has made, and a new" +
        " index takes a name that no other stage has. Two stages in one folder would overwrite each other's images",
    );
  }
  if (existing.images && existing.images === existing.index) {
    const ours = [`${folder}/`, `${results}/`];
    if (ours.some((one) => one.startsWith(prefix) || prefix.startsWith(one))) {
      throw wrong(
        "images",
        existing.images,
        "that is the bucket of the index, too, whose thumbnails would be indexed, and theirs, without an end. Give" +
          ` another bucket, or an images-prefix apart from ${ours.join(" and ")}, such as images-prefix=photos/`,
      );
    }
  }
  const isBridged = String(await custom("events", "eventbridge")) === "true";
  const topic = await custom("events", "topic");
  if ((isBridged || topic) && !existing.images) {
    throw refusal("images-eventbridge and images-topic are for a bucket that is there already: give images=BUCKET");
  }
  if (isBridged && topic) {
    throw wrong("images-topic", topic, "give this or images-eventbridge: each event would come twice");
  }
  if (topic && !TOPIC.test(topic)) {
    throw wrong("images-topic", topic, "give the ARN of the SNS topic that the bucket publishes to");
  }
  const keys = await custom("keys");
  for (const [name, key] of Object.entries(keys)) {
    if (key && !KEY.test(key)) {
      throw wrong(name, key, "give the ARN of a KMS key: arn:…:key/…. Roles cannot be given an alias");
    }
  }
  if (tokens.startsWith("arn:") && !SECRET.test(tokens)) {
    throw wrong("tokens", tokens, "give the whole ARN of the secret, with the six characters at its end, or its name");
  }
  if (!tokens.startsWith("arn:") && !SECRET_NAME.test(tokens)) {
    throw wrong("tokens", tokens, "give the name of a secret: letters of ASCII, digits, and / _ + = . @ -");
  }
  for (const [name, [least, ...path]] of Object.entries(NUMBERS)) {
    const number = String(await custom(...path));
    if (!/^\d+$/.test(number) || Number(number) < least) {
      throw wrong(name, number, `give a whole number, ${least} or more`);
    }
  }
  const memory = Number(await custom("compact", "megabytes"));
  const kept = Number(await custom("compact", "bytes"));
  if (!(kept / MEGABYTE + OF_A_FOLD <= memory)) {
    throw wrong("compact-bytes", kept, `with the ${OF_A_FOLD} MB of a fold, that is more than compact-megabytes=${memory}`);
  }
  const disk = Number(await custom("disk", "megabytes"));
  const cached = Number(await custom("disk", "bytes"));
  if (cached / MEGABYTE > disk) {
    throw wrong("cache-bytes", cached, `functions have a disk of ${disk} MB`);
  }
  const isPublic = String(await custom("public"));
  if (!/^(true|false)$/.test(isPublic)) {
    throw wrong("public", isPublic, "give true or false");
  }
  const domain = await custom("domain");
  const certificate = await custom("certificate");
  if (Boolean(domain) !== Boolean(certificate)) {
    throw refusal("domain and certificate belong together: give both, or none");
  }
  if (certificate && !CERTIFICATE.test(certificate)) {
    throw wrong("certificate", certificate, "give the ARN of a certificate in ACM");
  }
  const region = await resolveConfigurationProperty(["provider", "region"]);
  for (const [name, arn] of Object.entries({ ...keys, tokens, "images-topic": topic, certificate })) {
    if (arn.startsWith("arn:") && arn.split(":")[3] !== region) {
      throw wrong(name, arn, `this stack is in ${region}, and uses what is in its own region only`);
    }
  }
  const dollars = String(await custom("budget", "dollars"));
  const asked = String(await custom("budget", "asked"));
  if (!/^(none|[1-9]\d*)$/.test(dollars)) {
    throw wrong("budget", dollars, "give a whole number of dollars a month, or none");
  }
  if (asked && asked !== "none" && !WITH_BUDGETS.has(region)) {
    throw wrong("budget", asked, `CloudFormation makes no budgets in ${region}: make it by hand, and leave this out`);
  }
  return {
    budget: dollars !== "none" && WITH_BUDGETS.has(region) ? "${file(infra/budget.yml)}" : {},
    // Secrets Manager puts six characters behind a name
    secret: tokens.startsWith("arn:")
      ? tokens
      : `arn:\${AWS::Partition}:secretsmanager:\${AWS::Region}:\${AWS::AccountId}:secret:${tokens}-??????`,
  };
};
