<?php
// One application that logs its WAMP calls as lines, as the PHP client of php-wamp-observer does.
//
// usage: php writer.php PORT SEED REQUESTS DIRECTION
//
// Of the requests, one in 9 is answered too late, one in 9 never, and one in 99 by an error; the
// seed decides which. One more line is a message that is not UTF-8.
// Late replies are sent when a line comes on standard input.
// What was sent is reported on standard output, as JSON: how many requests of each name end how.

declare(strict_types=1);

const NAMES = ['hello1', 'hello2', 'hello3', 'hello4', 'hello5', 'hello6', 'hello7', 'say "hi"', 'grüße/9'];

/** At the most so long before an answer, in microseconds. */
const MAX_ANSWER_US = 500;

final class Log
{
    /** @param resource $stream */
    public function __construct(private $stream, private string $direction)
    {
    }

    /** Sends one line: what cannot be JSON becomes an empty one. */
    public function write(string $message): void
    {
        $line = json_encode(['wamp', $this->direction, $message]) . "\n";
        if (fwrite($this->stream, $line) !== strlen($line)) {
            throw new RuntimeException('the observer does not take a line');
        }
    }
}

/** How each request ends, in an order that the seed decides. */
function fates(int $request_count): array
{
    $fates = [];
    for ($request = 0; $request < $request_count; $request++) {
        $fates[] = match (true) {
            $request % 9 === 0 => 'late',
            $request % 9 === 1 => 'unanswered',
            $request % 99 === 2 => 'errors',
            default => 'responses',
        };
    }
    shuffle($fates);
    return $fates;
}

[, $port, $seed, $request_count, $direction] = $argv;
mt_srand((int) $seed);
$stream = stream_socket_client("tcp://127.0.0.1:$port");
if ($stream === false) {
    exit(1);
}
stream_set_write_buffer($stream, 0);
$log = new Log($stream, $direction);

$report = [];
$late = [];
foreach (fates((int) $request_count) as $request => $fate) {
    $id = "$seed.$request";
    $name = NAMES[mt_rand(0, count(NAMES) - 1)];
    $log->write(json_encode([2, $id, $name, ['path' => '/a/b', 'text' => 'ü']]));
    $report[$fate][$name] = ($report[$fate][$name] ?? 0) + 1;
    if ($fate === 'late') {
        $late[] = $id;
    } elseif ($fate !== 'unanswered') {
        usleep(mt_rand(0, MAX_ANSWER_US));
        $reply = $fate === 'errors' ? [4, $id, 'failed', '', new stdClass()] : [3, $id, ['ok' => true]];
        $log->write(json_encode($reply));
    }
}
$log->write("[2,\"$seed.x\",\"\xff\"]");

if (fgets(STDIN) === false) {
    exit(1);
}
foreach ($late as $id) {
    $log->write(json_encode([3, $id, []]));
}
fclose($stream);
echo json_encode($report), "\n";
